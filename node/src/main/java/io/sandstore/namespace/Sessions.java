package io.sandstore.namespace;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Outcome;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.LongPredicate;

/**
 * Who asked what, and what the answer was, so that a request that comes twice is applied once (6.3
 * of Ongaro's thesis). Both the clients and the answers kept for each are bounded.
 *
 * <p>A session ends when its client says so, when it was silent for long, and when it is in the way
 * of a new one: first those that never did anything, then those that were idle for {@link
 * #IDLE_MS}, the longest first. Whoever was active since is kept: its client may still repeat a
 * request under its number, and must not have it applied twice. So {@link #SESSIONS_MAX} clients
 * can be active within a minute, and no number of others keeps a new one out.
 */
final class Sessions {

  static final int SESSIONS_MAX = 100_000;
  static final int OUTCOMES_MAX = 1024;

  /** Of the cluster's age. Clients repeat a request for less, see client.Session. */
  static final long IDLE_MS = 60_000;

  /** So many make room at a time, which bounds what that costs each new one. */
  private static final int ROOM = 1000;

  final FrozenMap<Long, Keys.Session> sessions = new FrozenMap<>(Weights::session);
  final FrozenMap<Keys.Request, ByteString> outcomes = new FrozenMap<>(Weights::outcome);
  long next = 1;
  private final LongConsumer ended;

  /**
   * @param ended told of every session that ends
   */
  Sessions(LongConsumer ended) {
    this.ended = ended;
  }

  long open(long nonce, long nowMs) {
    for (Map.Entry<Long, Keys.Session> entry :
        sessions.live.tailMap(Math.max(0, next - OUTCOMES_MAX), true).entrySet()) {
      if (entry.getValue().nonce() == nonce) {
        return entry.getKey(); // the same client, whose first attempt's answer got lost
      }
    }
    if (sessions.live.size() >= SESSIONS_MAX) {
      makeRoom(nowMs);
    }
    if (sessions.live.size() >= SESSIONS_MAX) {
      throw new Refused(Errno.EAGAIN, "too many clients");
    }
    long id = next++;
    sessions.put(id, new Keys.Session(nonce, nowMs, 0, 0));
    return id;
  }

  private void makeRoom(long nowMs) {
    sessions.live.entrySet().stream()
        .filter(e -> e.getValue().isUnused() || nowMs - e.getValue().usedMs() >= IDLE_MS)
        .sorted(
            Comparator.comparing((Map.Entry<Long, Keys.Session> e) -> !e.getValue().isUnused())
                .thenComparingLong(e -> e.getValue().usedMs())
                .thenComparing(Map.Entry::getKey))
        .limit(ROOM)
        .map(Map.Entry::getKey)
        .toList()
        .forEach(this::end);
  }

  /** Forgets a client that says it is done; another one cannot say so for it. */
  void close(long id, long nonce) {
    Keys.Session session = sessions.get(id);
    if (session != null && session.nonce() == nonce) {
      end(id);
    }
  }

  private void end(long id) {
    sessions.remove(id);
    ended.accept(id);
    forget(id, 0, Long.MAX_VALUE);
  }

  /** The answer that this request got before, if any. */
  Optional<Outcome> admit(Command command, long nowMs) {
    long id = command.getSession();
    Keys.Session session = sessions.get(id);
    if (session == null) {
      throw new Refused(Errno.SESSION_EXPIRED, "session " + id + " is not known");
    }
    ByteString known = outcomes.get(new Keys.Request(id, command.getSequence()));
    if (known != null) {
      try {
        return Optional.of(Outcome.parseFrom(known));
      } catch (InvalidProtocolBufferException e) {
        throw new IllegalStateException("damaged outcome of session " + id, e);
      }
    }
    if (command.getSequence() < session.acknowledgedBelow()) {
      throw new Refused(Errno.EINVAL, "request " + command.getSequence() + " was answered before");
    }
    long below = Math.max(session.acknowledgedBelow(), command.getAcknowledgedBelow());
    int count = session.outcomes() - forget(id, session.acknowledgedBelow(), below);
    sessions.put(id, new Keys.Session(session.nonce(), nowMs, below, count));
    if (count >= OUTCOMES_MAX) {
      throw new Refused(Errno.EAGAIN, "too many requests without acknowledgement");
    }
    return Optional.empty();
  }

  private int forget(long id, long from, long below) {
    if (below <= from) {
      return 0;
    }
    List<Keys.Request> done =
        new ArrayList<>(
            outcomes
                .live
                .subMap(new Keys.Request(id, from), true, new Keys.Request(id, below), false)
                .keySet());
    done.forEach(outcomes::remove);
    return done.size();
  }

  void remember(Command command, Outcome outcome) {
    long id = command.getSession();
    Keys.Session s = sessions.get(id);
    if (s != null) {
      outcomes.put(new Keys.Request(id, command.getSequence()), outcome.toByteString());
      sessions.put(
          id, new Keys.Session(s.nonce(), s.usedMs(), s.acknowledgedBelow(), s.outcomes() + 1));
    }
  }

  void expire(long unusedSinceMs) {
    expire(unusedSinceMs, id -> true);
  }

  /** Ends those of some that were not used since. */
  void expire(long unusedSinceMs, LongPredicate some) {
    List<Long> old =
        sessions.live.entrySet().stream()
            .filter(entry -> entry.getValue().usedMs() < unusedSinceMs)
            .map(Map.Entry::getKey)
            .filter(some::test)
            .toList();
    old.forEach(this::end);
  }

  boolean anyUnusedSince(long timeMs, LongPredicate some) {
    return sessions.live.entrySet().stream()
        .anyMatch(entry -> entry.getValue().usedMs() < timeMs && some.test(entry.getKey()));
  }

  boolean anyUnusedSince(long timeMs) {
    return sessions.live.values().stream().anyMatch(session -> session.usedMs() < timeMs);
  }

  void clear() {
    sessions.clear();
    outcomes.clear();
  }
}
