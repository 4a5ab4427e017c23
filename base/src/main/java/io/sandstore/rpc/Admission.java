package io.sandstore.rpc;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Which links a server keeps. Each kind has places of its own, so that however many clients come,
 * or come and say nothing, the other nodes and operators still get in. Pure bookkeeping; not
 * thread-safe.
 *
 * @param <L> a link
 */
final class Admission<L> {

  /** Who is at the other end. */
  enum Kind {
    /** Has not said yet. */
    STRANGER,
    CLIENT,
    OPERATOR,
    NODE
  }

  /**
   * Most links of each kind.
   *
   * @param ofOneAddress most links of clients at one address
   */
  record Places(int strangers, int clients, int ofOneAddress, int operators, int nodes) {

    /** Shares out what the process can hold: an eighth strangers, 64 nodes if that is possible. */
    static Places of(int capacity) {
      int strangers = Math.max(1, capacity / 8);
      int nodes = Math.clamp(capacity / 4, 1, 64);
      int operators = Math.max(1, capacity / 64);
      int clients = Math.max(1, capacity - strangers - nodes - operators);
      return new Places(strangers, clients, Math.max(1, clients / 2), operators, nodes);
    }

    int of(Kind kind) {
      return switch (kind) {
        case STRANGER -> strangers;
        case CLIENT -> clients;
        case OPERATOR -> operators;
        case NODE -> nodes;
      };
    }
  }

  private record Entry(Kind kind, String address) {}

  private final Places places;
  private final Map<L, Entry> links = new LinkedHashMap<>(); // in the order of arrival
  private final Map<String, Integer> clientsAt = new HashMap<>();
  private final int[] count = new int[Kind.values().length];

  Admission(Places places) {
    this.places = places;
  }

  /** A link that has just come; the stranger that waits longest goes if there are too many. */
  Optional<L> enter(L link, String address) {
    Optional<L> goes =
        count(Kind.STRANGER) < places.strangers
            ? Optional.empty()
            : links.entrySet().stream()
                .filter(e -> e.getValue().kind == Kind.STRANGER)
                .map(Map.Entry::getKey)
                .findFirst();
    goes.ifPresent(this::leave);
    add(link, new Entry(Kind.STRANGER, address));
    return goes;
  }

  /**
   * A stranger has said who it is. It is given a place, unless there is none.
   *
   * @return why there is none; empty: it may stay
   */
  Optional<String> admit(L link, Kind kind) {
    Entry stranger = links.get(link);
    if (stranger == null) {
      return Optional.of("it had to make room for others before it said who it is");
    }
    if (count(kind) >= places.of(kind)) {
      return Optional.of("all " + places.of(kind) + " connections for its kind are taken");
    }
    if (kind == Kind.CLIENT && clientsAt.getOrDefault(stranger.address, 0) >= places.ofOneAddress) {
      return Optional.of(
          "its address has all the %d connections that one may have"
              .formatted(places.ofOneAddress));
    }
    leave(link);
    add(link, new Entry(kind, stranger.address));
    return Optional.empty();
  }

  private void add(L link, Entry entry) {
    links.put(link, entry);
    count[entry.kind.ordinal()]++;
    if (entry.kind == Kind.CLIENT) {
      clientsAt.merge(entry.address, 1, Integer::sum);
    }
  }

  /** A link ended. */
  void leave(L link) {
    Entry entry = links.remove(link);
    if (entry != null) {
      count[entry.kind.ordinal()]--;
      if (entry.kind == Kind.CLIENT) {
        clientsAt.computeIfPresent(entry.address, (a, n) -> n == 1 ? null : n - 1);
      }
    }
  }

  int count(Kind kind) {
    return count[kind.ordinal()];
  }

  /** True while no client could be given a place. */
  boolean isFull() {
    return count(Kind.CLIENT) >= places.clients;
  }
}
