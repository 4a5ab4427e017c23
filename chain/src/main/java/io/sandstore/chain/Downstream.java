package io.sandstore.chain;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Sends a member what comes next, and again what got lost. */
final class Downstream {

  /** Of entries in one message, at most; a larger entry goes alone. */
  private static final int BYTES_MAX = 1 << 20;

  final long id;
  private final long self;
  private final Entries entries;

  /** Nothing is sent before it said what it has. */
  private boolean known;

  private long sent;
  private long acked;
  private long movedAt;

  Downstream(long self, long id, Entries entries) {
    this.self = self;
    this.id = id;
    this.entries = entries;
  }

  /** What it is known to have. */
  long acked() {
    return acked;
  }

  boolean isKnown() {
    return known;
  }

  /** It said what it has, and asks for all that comes after. */
  void restart(long last, long now) {
    known = true;
    acked = Math.max(acked, last); // what comes late says less than is known
    sent = acked;
    movedAt = now;
  }

  /** It said what it has; what it lacks for so long is sent again. */
  void heard(long last, long patience, long now) {
    if (!known) {
      return;
    }
    if (last > acked) {
      acked = last;
      sent = Math.max(sent, acked);
      movedAt = now;
    } else if (acked < sent && now - movedAt >= patience) {
      sent = acked;
      movedAt = now;
    }
  }

  /** Sends all that it was not sent yet, and at least one message if it was asked for. */
  void send(long epoch, boolean anyway, Consumer<Message> out) {
    if (!known || sent + 1 < entries.first()) {
      return;
    }
    boolean owed = anyway;
    while (sent < entries.last() || owed) {
      List<Entry> piece = new ArrayList<>();
      int bytes = 0;
      for (long next = sent + 1; next <= entries.last(); next++) {
        Entry entry = entries.get(next);
        if (!piece.isEmpty() && bytes + entry.bytes() > BYTES_MAX) {
          break;
        }
        piece.add(entry);
        bytes += entry.bytes();
      }
      sent += piece.size();
      owed = false;
      out.accept(new Message.Forward(self, id, epoch, entries.last(), piece));
    }
  }

  @Override
  public String toString() {
    return "sent %d, has %d".formatted(sent, acked);
  }
}
