package io.sandstore.control;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.etcd.EtcdClient;
import io.sandstore.replication.Views;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Views as keys of etcd, a JSON object each; a record's version is the revision of its key. */
final class EtcdViews implements Views {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final EtcdClient etcd;
  private final String prefix;

  /**
   * @param prefix of the keys, with a slash at its end
   */
  EtcdViews(EtcdClient etcd, String prefix) {
    this.etcd = etcd;
    this.prefix = prefix;
  }

  @Override
  public View read(String name) throws IOException {
    Optional<EtcdClient.Entry> found = etcd.entry(prefix + name);
    return found.isPresent() ? view(name, found.get()) : View.NONE;
  }

  @Override
  public View compareAndSet(String name, long version, Map<String, String> fields)
      throws IOException {
    String value = JSON.writeValueAsString(new TreeMap<>(fields));
    Optional<EtcdClient.Entry> now = etcd.compareAndSet(prefix + name, version, value);
    return now.isPresent() ? view(name, now.get()) : View.NONE;
  }

  /** Whatever lies at the key: JSON knows words, numbers and nothing; of the last none is ours. */
  private View view(String name, EtcdClient.Entry entry) throws IOException {
    try {
      JsonNode value = JSON.readTree(entry.value());
      Map<String, String> fields = new TreeMap<>();
      for (Map.Entry<String, JsonNode> field : value.properties()) {
        if (!field.getValue().isTextual() && !field.getValue().isNumber()) {
          throw new IOException(place(name) + " is not ours: " + field.getKey() + " is no word");
        }
        fields.put(field.getKey(), field.getValue().asText());
      }
      if (fields.isEmpty()) {
        throw new IOException(place(name) + " is not ours: " + value.getNodeType());
      }
      return new View(entry.revision(), fields);
    } catch (JsonProcessingException e) {
      throw new IOException(place(name) + " is not ours: " + e.getOriginalMessage(), e);
    }
  }

  @Override
  public String place(String name) {
    return prefix + name + " in etcd";
  }

  @Override
  public Optional<String> lacks() {
    return Optional.empty();
  }
}
