package io.sandstore.namespace;

import io.sandstore.replication.Configurations;
import io.sandstore.replication.Whereabouts;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Member;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Which blocks files refer to and which members hold them. */
final class Blocks {

  final FrozenMap<Long, Keys.Block> blocks = new FrozenMap<>(Weights::block);
  private final TreeSet<Long> underReplicated = new TreeSet<>();
  private List<Long> released = new ArrayList<>();
  private Configuration configuration = Configuration.getDefaultInstance();
  private final Whereabouts whereabouts;
  long next = 1;
  long floor = 1;

  Blocks(Whereabouts whereabouts) {
    this.whereabouts = whereabouts;
  }

  Configuration configuration() {
    return configuration;
  }

  void configure(Configuration members) {
    configuration = members;
    underReplicated.clear();
    List<Map.Entry<Long, Keys.Block>> all = List.copyOf(blocks.live.entrySet());
    for (Map.Entry<Long, Keys.Block> entry : all) {
      Keys.Block block = entry.getValue();
      long left = whereabouts.among(block.where(), members);
      if (left != block.where()) {
        block = new Keys.Block(block.length(), block.references(), left);
        blocks.put(entry.getKey(), block);
      }
      judge(entry.getKey(), block);
    }
  }

  /** Notes whether as many members have a block as should. */
  void judge(long id, Keys.Block block) {
    if (whereabouts.isComplete(block.where(), configuration)) {
      underReplicated.remove(id);
    } else {
      underReplicated.add(id);
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
  void checkNew(long id, long where) {
    if (id <= 0 || id >= next) {
      throw new Refused(Errno.EINVAL, "no such block: " + id);
    }
    if (id < floor) {
      throw new Refused(Errno.ESTALE, "block " + id + " waited too long; write it again");
    }
    if (blocks.get(id) != null) {
      throw new Refused(Errno.EINVAL, "block " + id + " is in use");
    }
    if (whereabouts.among(where, configuration) == 0) {
      throw new Refused(Errno.ESTALE, "no member that held block " + id + " is left");
    }
  }

  void add(long id, int length, long where) {
    put(id, new Keys.Block(length, 1, whereabouts.among(where, configuration)));
  }

  /** Where a block is whose bytes came with a command. */
  long everywhere() {
    return whereabouts.everywhere(configuration);
  }

  List<Member> holders(Keys.Block block) {
    return whereabouts.holders(block.where(), configuration);
  }

  void put(long id, Keys.Block block) {
    blocks.put(id, block);
    judge(id, block);
  }

  void reference(long id) {
    Keys.Block block = require(id);
    blocks.put(id, new Keys.Block(block.length(), block.references() + 1, block.where()));
  }

  void release(long id) {
    Keys.Block block = require(id);
    if (block.references() > 1) {
      blocks.put(id, new Keys.Block(block.length(), block.references() - 1, block.where()));
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

  void addHolder(long memberId, List<Long> ids) {
    Member member =
        Configurations.byId(configuration, memberId)
            .orElseThrow(() -> new Refused(Errno.MISMATCH, "no member any more"));
    for (long id : ids) {
      Keys.Block block = blocks.get(id);
      if (block != null) {
        long where = whereabouts.with(block.where(), member);
        put(id, new Keys.Block(block.length(), block.references(), where));
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
