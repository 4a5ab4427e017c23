package io.sandstore.namespace;

import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Member;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Which blocks files refer to and which members hold them. */
final class Blocks {

  /** A block is held by this many members, or by all if there are fewer. */
  static final int REPLICAS = 3;

  final FrozenMap<Long, Keys.Block> blocks = new FrozenMap<>(Weights::block);
  private final TreeSet<Long> underReplicated = new TreeSet<>();
  private List<Long> released = new ArrayList<>();
  private Configuration configuration = Configuration.getDefaultInstance();
  private long slots;
  long next = 1;
  long floor = 1;

  Configuration configuration() {
    return configuration;
  }

  void configure(Configuration members) {
    configuration = members;
    slots = 0;
    for (Member member : members.getMembersList()) {
      slots |= 1L << member.getSlot();
    }
    underReplicated.clear();
    List<Map.Entry<Long, Keys.Block>> all = List.copyOf(blocks.live.entrySet());
    for (Map.Entry<Long, Keys.Block> entry : all) {
      Keys.Block block = entry.getValue();
      if ((block.holders() & ~slots) != 0) {
        block = new Keys.Block(block.length(), block.references(), block.holders() & slots);
        blocks.put(entry.getKey(), block);
      }
      judge(entry.getKey(), block);
    }
  }

  /** Notes whether a block has as many holders as it should. */
  void judge(long id, Keys.Block block) {
    int wanted = Math.min(REPLICAS, configuration.getMembersCount());
    if (Long.bitCount(block.holders()) < wanted) {
      underReplicated.add(id);
    } else {
      underReplicated.remove(id);
    }
  }

  long allocate(int count) {
    long first = next;
    next += count;
    return first;
  }

  void raiseFloor(long to) {
    floor = Math.max(floor, Math.min(to, next));
  }

  /** Refuses a block that may have been collected, that is somebody else's, or that is lost. */
  void checkNew(long id, long holders) {
    if (id <= 0 || id >= next) {
      throw new Refused(Errno.EINVAL, "no such block: " + id);
    }
    if (id < floor) {
      throw new Refused(Errno.ESTALE, "block " + id + " waited too long; write it again");
    }
    if (blocks.get(id) != null) {
      throw new Refused(Errno.EINVAL, "block " + id + " is in use");
    }
    if ((holders & slots) == 0) {
      throw new Refused(Errno.ESTALE, "no member that held block " + id + " is left");
    }
  }

  void add(long id, int length, long holders) {
    put(id, new Keys.Block(length, 1, holders & slots));
  }

  long allSlots() {
    return slots;
  }

  void put(long id, Keys.Block block) {
    blocks.put(id, block);
    judge(id, block);
  }

  void reference(long id) {
    Keys.Block block = require(id);
    blocks.put(id, new Keys.Block(block.length(), block.references() + 1, block.holders()));
  }

  void release(long id) {
    Keys.Block block = require(id);
    if (block.references() > 1) {
      blocks.put(id, new Keys.Block(block.length(), block.references() - 1, block.holders()));
      return;
    }
    blocks.remove(id);
    underReplicated.remove(id);
    released.add(id);
  }

  Keys.Block require(long id) {
    Keys.Block block = blocks.get(id);
    if (block == null) {
      throw new IllegalStateException("extent of block " + id + ", which is not there");
    }
    return block;
  }

  void addHolder(int slot, long memberId, List<Long> ids) {
    boolean current =
        configuration.getMembersList().stream()
            .anyMatch(member -> member.getSlot() == slot && member.getId() == memberId);
    if (!current) {
      throw new Refused(Errno.MISMATCH, "slot " + slot + " belongs to another member");
    }
    for (long id : ids) {
      Keys.Block block = blocks.get(id);
      if (block != null) {
        long holders = block.holders() | 1L << slot;
        put(id, new Keys.Block(block.length(), block.references(), holders));
      }
    }
  }

  TreeSet<Long> underReplicated() {
    return underReplicated;
  }

  /** Blocks that nothing refers to any more, since the last call. */
  List<Long> takeReleased() {
    List<Long> taken = released;
    released = new ArrayList<>();
    return taken;
  }

  void clear() {
    blocks.clear();
    underReplicated.clear();
    released = new ArrayList<>();
  }
}
