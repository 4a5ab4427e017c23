package io.sandstore.node;

import io.sandstore.replication.Views;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.util.Map;

/**
 * The one cluster that was founded, as {@link Views} remember it: a second one beside it would hide
 * that the first is lost.
 *
 * @param founder identity of the node that founded it, in hexadecimal digits
 * @param profile its id
 */
public record FoundedCluster(String cluster, String founder, String profile, int nodes) {

  /** Name of the record. */
  public static final String VIEW = "cluster";

  /** What the record says. */
  static FoundedCluster of(Views.View view) {
    Map<String, String> fields = view.fields();
    return new FoundedCluster(
        fields.getOrDefault("cluster", ""),
        fields.getOrDefault("founder", ""),
        fields.getOrDefault("profile", ""),
        0);
  }

  private Map<String, String> fields() {
    return Map.of("cluster", cluster, "founder", founder, "profile", profile, "nodes", "" + nodes);
  }

  /** An earlier release noted the profile's name alone. */
  private boolean isOf(String id) {
    return id.equals(profile) || id.startsWith(profile + "@");
  }

  /** Notes this one unless another is noted; which one is. */
  public FoundedCluster noteIn(Views views) throws IOException {
    return of(views.compareAndSet(VIEW, 0, fields()));
  }

  /**
   * Asks for the right to found this cluster, which is given once.
   *
   * @return the id to found it under: this one's, or what this founder asked for before a crash
   * @throws PosixException MISMATCH if somebody else founded one, or one of another profile
   * @throws IOException if it cannot be known now
   */
  public String claim(Views views) throws IOException {
    FoundedCluster founded = noteIn(views);
    String remembers = views.place(VIEW) + " remembers cluster " + founded.cluster;
    if (!founded.isOf(profile)) {
      throw new PosixException(
          Errno.MISMATCH,
          "%s of profile %s, and this node runs profile %s: remove it (or 'make k8s-destroy') if its"
                  .formatted(remembers, founded.profile, profile)
              + " data is really gone");
    }
    if (!founded.founder.equals(founder)) {
      throw new PosixException(
          Errno.MISMATCH,
          remembers
              + ", but no node that answers has data of it. If its data is really gone, remove it"
              + " (or 'make k8s-destroy'), and a new one is founded");
    }
    return founded.cluster;
  }
}
