package io.sandstore.deploy;

import static io.sandstore.deploy.SimulatedCluster.map;
import static io.sandstore.deploy.SimulatedCluster.object;
import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.deploy.SimulatedCluster.Key;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Objects of other people that look like ours: same class, same label, nearly the same names. */
final class Foreign {

  private final SimulatedCluster cluster;
  private final Map<Key, Map<String, Object>> before = new TreeMap<>();

  Foreign(SimulatedCluster cluster) {
    this.cluster = cluster;
    Map<String, Object> claim = spec("sandstore-local-ssd");
    add("persistentvolumeclaim", "shop", "data-shop-0", claim);
    Map<String, Object> reference =
        object("namespace", "shop", "name", "data-shop-0", "uid", uid(claim));
    Map<String, Object> volume = spec("sandstore-local-ssd");
    map(volume, "spec").put("claimRef", reference);
    add("persistentvolume", "", "shop-volume", volume);
    Map<String, Object> labelled = spec("sandstore-local-ssd");
    map(labelled, "metadata").put("labels", object("app", "sandstore"));
    add("persistentvolumeclaim", "default", "only-labelled", labelled);
    Map<String, Object> web = object("metadata", object("labels", object("app", "web")));
    add("service", "default", "web", web);
    add("configmap", "default", "web-config", object("data", object("a", "b")));
  }

  private static Map<String, Object> spec(String storageClass) {
    return object("spec", object("storageClassName", storageClass));
  }

  private static Object uid(Map<String, Object> object) {
    return map(object, "metadata").get("uid");
  }

  private void add(String kind, String namespace, String name, Map<String, Object> object) {
    cluster.put(kind, namespace, name, object);
    before.put(new Key(kind, namespace, name), SimulatedCluster.copy(object));
  }

  void assertUntouchedButClass() {
    assertThat(cluster.objects).containsAllEntriesOf(before);
  }

  void assertUntouched() {
    assertUntouchedButClass();
    assertThat(cluster.all("storageclass").map(c -> map(c, "metadata").get("name")).toList())
        .as("others use it")
        .isEqualTo(List.of("sandstore-local-ssd"));
  }
}
