package io.sandstore.chain;

import java.util.ArrayList;
import java.util.List;

/** The latest entries of a history, with consecutive indices. */
final class Entries {

  private final ArrayList<Entry> kept = new ArrayList<>();
  private int head;
  private long last;
  private long bytes;

  /** Index of the first one that is kept; one after the last if none is. */
  long first() {
    return last - (kept.size() - head) + 1;
  }

  long last() {
    return last;
  }

  long bytes() {
    return bytes;
  }

  Entry get(long index) {
    return kept.get(head + (int) (index - first()));
  }

  void append(Entry entry) {
    if (entry.index() != last + 1) {
      throw new IllegalStateException("entry " + entry + " after " + last);
    }
    kept.add(entry);
    last = entry.index();
    bytes += entry.bytes();
  }

  List<Entry> between(long from, long to) {
    List<Entry> found = new ArrayList<>();
    for (long index = from; index <= to; index++) {
      found.add(get(index));
    }
    return found;
  }

  /** Lets go of those up to an index. */
  void dropTo(long index) {
    while (head < kept.size() && kept.get(head).index() <= index) {
      bytes -= kept.get(head).bytes();
      head++;
    }
    if (head > kept.size() / 2) {
      kept.subList(0, head).clear();
      head = 0;
    }
  }

  /** Starts over behind an index. */
  void reset(long index) {
    kept.clear();
    head = 0;
    bytes = 0;
    last = index;
  }
}
