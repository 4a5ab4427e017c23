package io.sandstore.chain;

import io.sandstore.replication.Views;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongPredicate;

/**
 * Who is in the chain, and in which order, as the record says that all agree on.
 *
 * @param version of the record, for the next compare-and-set
 * @param cluster whose chain it is
 * @param generation counts the clusters that there were, each of which lost all that the one before
 *     had
 * @param epoch counts the views
 * @param chain from the head to the tail
 */
public record ChainView(
    long version, String cluster, long generation, long epoch, List<Link> chain) {

  /** Name of the record. */
  public static final String RECORD = "chain";

  /** Longer chains take longer than their redundancy is worth. */
  public static final int MEMBERS_MAX = 8;

  private static final int HEX = 16;

  /**
   * A member.
   *
   * @param id of this start of the process
   * @param name of the node
   */
  public record Link(long id, String name) {}

  public ChainView {
    chain = List.copyOf(chain);
  }

  /** Before the record was read. */
  public static ChainView none(String cluster) {
    return new ChainView(0, cluster, 0, 0, List.of());
  }

  /**
   * Reads the record.
   *
   * @return empty if there is none
   * @throws IllegalArgumentException if it is malformed
   */
  public static Optional<ChainView> of(Views.View record) {
    if (record.version() == 0) {
      return Optional.empty();
    }
    Map<String, String> fields = record.fields();
    List<Link> chain = new ArrayList<>();
    for (String link : fields.getOrDefault("members", "").split(" ")) {
      int colon = link.indexOf(':');
      if (colon <= 0 || chain.size() >= MEMBERS_MAX) {
        throw new IllegalArgumentException("malformed record of the chain: " + fields);
      }
      chain.add(new Link(Long.parseUnsignedLong(link, 0, colon, HEX), link.substring(colon + 1)));
    }
    return Optional.of(
        new ChainView(
            record.version(),
            fields.getOrDefault("cluster", ""),
            Long.parseLong(fields.getOrDefault("generation", "0")),
            Long.parseLong(fields.getOrDefault("epoch", "0")),
            chain));
  }

  /** What the record says of it. */
  public Map<String, String> fields() {
    Map<String, String> fields = new TreeMap<>();
    fields.put("cluster", cluster);
    fields.put("generation", Long.toString(generation));
    fields.put("epoch", Long.toString(epoch));
    fields.put(
        "members",
        String.join(
            " ", chain.stream().map(l -> Long.toHexString(l.id()) + ":" + l.name()).toList()));
    return fields;
  }

  /** The view after this one, to be put in its record's place. */
  ChainView next(List<Link> members) {
    return new ChainView(version, cluster, generation, epoch + 1, members);
  }

  /** The members of whom something is so, in their order. */
  List<Link> where(LongPredicate wanted) {
    return chain.stream().filter(link -> wanted.test(link.id())).toList();
  }

  int position(long id) {
    for (int i = 0; i < chain.size(); i++) {
      if (chain.get(i).id() == id) {
        return i;
      }
    }
    return -1;
  }

  public boolean has(long id) {
    return position(id) >= 0;
  }

  /** 0: there are no members. */
  public long head() {
    return chain.isEmpty() ? 0 : chain.getFirst().id();
  }

  public long tail() {
    return chain.isEmpty() ? 0 : chain.getLast().id();
  }

  /** 0: it is the head, or no member. */
  long before(long id) {
    int position = position(id);
    return position > 0 ? chain.get(position - 1).id() : 0;
  }

  /** 0: it is the tail, or no member. */
  long after(long id) {
    int position = position(id);
    return position >= 0 && position + 1 < chain.size() ? chain.get(position + 1).id() : 0;
  }
}
