package io.sandstore.namespace;

import io.sandstore.wire.FileType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * How the entries of one of the large maps lie in a snapshot: each as what differs from the one
 * before it, in the order of keys. An object serves one frame in one direction; the first entry of
 * a frame differs from nothing.
 *
 * <p>A change of what is written here is another version of the format.
 */
interface Packing<K, V> {

  void pack(Packed.Out out, K key, V value);

  /** The next key; {@link #value} must follow. */
  K key(Packed.In in) throws IOException;

  V value(Packed.In in) throws IOException;

  /** Identity, times and parent mostly differ little from the neighbour's. */
  final class Inodes implements Packing<Long, Inode> {
    private final Index index;
    private long id;
    private long ctimeMs;
    private long parent;
    private final boolean posix;

    /**
     * @param index is told the keys that are read
     * @param posix with what version 4 has: parts of milliseconds, and devices
     */
    Inodes(Index index, boolean posix) {
      this.index = index;
      this.posix = posix;
    }

    @Override
    public void pack(Packed.Out out, Long key, Inode inode) {
      out.signed(key - id);
      id = key;
      out.unsigned(inode.type().getNumber());
      out.signed(inode.mode());
      out.signed(inode.uid());
      out.signed(inode.gid());
      out.signed(inode.size());
      out.signed(inode.links());
      out.signed(inode.ctimeMs() - ctimeMs);
      ctimeMs = inode.ctimeMs();
      out.signed(inode.atimeMs() - ctimeMs);
      out.signed(inode.mtimeMs() - ctimeMs);
      out.signed(inode.parent() - parent);
      parent = inode.parent();
      byte[] target = inode.target().getBytes(StandardCharsets.UTF_8);
      out.unsigned(target.length);
      out.raw(target, 0, target.length);
      if (posix) {
        out.signed(inode.atimeNs());
        out.signed(inode.mtimeNs());
        out.unsigned(inode.device());
      }
    }

    @Override
    public Long key(Packed.In in) throws IOException {
      id += in.signed();
      Long key = id;
      index.add(key);
      return key;
    }

    @Override
    public Inode value(Packed.In in) throws IOException {
      FileType type = FileType.forNumber((int) in.unsigned());
      if (type == null) {
        throw Packed.damaged();
      }
      int mode = (int) in.signed();
      int uid = (int) in.signed();
      int gid = (int) in.signed();
      long size = in.signed();
      int links = (int) in.signed();
      ctimeMs += in.signed();
      long atimeMs = ctimeMs + in.signed();
      long mtimeMs = ctimeMs + in.signed();
      parent += in.signed();
      int bytes = in.count();
      String target = bytes == 0 ? "" : new String(in.raw(bytes), StandardCharsets.UTF_8);
      int atimeNs = posix ? (int) in.signed() : 0;
      int mtimeNs = posix ? (int) in.signed() : 0;
      long device = posix ? in.unsigned() : 0;
      return new Inode(
          id, type, mode, uid, gid, size, links, atimeMs, mtimeMs, ctimeMs, parent, target, atimeNs,
          mtimeNs, device);
    }
  }

  /**
   * The keys of the inodes as they were read, so that a name's entry can share its inode's: with a
   * million files that is 16 MB.
   */
  final class Index {
    private Long[] keys = new Long[16];
    private int count;

    void add(Long key) {
      if (count == keys.length) {
        keys = Arrays.copyOf(keys, 2 * count);
      }
      keys[count++] = key;
    }

    /** Keys ascend, so that one lies no further in than it is away from the first. */
    Long key(long id) {
      int guess = count == 0 ? 0 : Math.clamp(id - keys[0], 0, count - 1);
      if (count > 0 && keys[guess] == id) {
        return keys[guess];
      }
      int found = Arrays.binarySearch(keys, 0, guess, (Object) id);
      return found >= 0 ? keys[found] : Long.valueOf(id);
    }
  }

  /** A name begins as its neighbour does. */
  final class Dentries implements Packing<Keys.Dentry, Long> {
    private final Index inodes;
    private long parent;
    private long inode;
    private byte[] name = new byte[256];
    private int length;

    /**
     * @param inodes whose keys become the values, when entries are read
     */
    Dentries(Index inodes) {
      this.inodes = inodes;
    }

    @Override
    public void pack(Packed.Out out, Keys.Dentry key, Long value) {
      byte[] bytes = key.name().getBytes(StandardCharsets.UTF_8);
      int differ = Arrays.mismatch(name, 0, length, bytes, 0, bytes.length);
      int shared = differ < 0 ? length : differ;
      out.signed(key.parent() - parent);
      out.unsigned(shared);
      out.unsigned(bytes.length - shared);
      out.raw(bytes, shared, bytes.length - shared);
      out.signed(value - inode);
      parent = key.parent();
      name = bytes;
      length = bytes.length;
      inode = value;
    }

    @Override
    public Keys.Dentry key(Packed.In in) throws IOException {
      parent += in.signed();
      long shared = in.unsigned();
      int more = in.count();
      if (shared < 0 || shared > length) {
        throw Packed.damaged();
      }
      length = (int) shared + more;
      if (length > name.length) {
        name = Arrays.copyOf(name, Math.max(2 * name.length, length));
      }
      in.raw(name, (int) shared, more);
      return new Keys.Dentry(parent, new String(name, 0, length, StandardCharsets.UTF_8));
    }

    @Override
    public Long value(Packed.In in) throws IOException {
      inode += in.signed();
      return inodes.key(inode);
    }
  }

  /** Extents of a file follow each other, and so do their blocks. */
  final class Extents implements Packing<Keys.Offset, Keys.Run> {
    private long inode;
    private long end;
    private long block;

    @Override
    public void pack(Packed.Out out, Keys.Offset key, Keys.Run run) {
      out.signed(key.inode() - inode);
      out.signed(key.offset() - (key.inode() == inode ? end : 0));
      out.signed(run.length());
      out.signed(run.block() - block);
      out.signed(run.blockOffset());
      follow(key, run);
    }

    private void follow(Keys.Offset key, Keys.Run run) {
      inode = key.inode();
      end = key.offset() + run.length();
      block = run.block();
    }

    @Override
    public Keys.Offset key(Packed.In in) throws IOException {
      long change = in.signed();
      end = change == 0 ? end : 0;
      inode += change;
      end += in.signed();
      return new Keys.Offset(inode, end);
    }

    @Override
    public Keys.Run value(Packed.In in) throws IOException {
      Keys.Run run = new Keys.Run((int) in.signed(), block + in.signed(), (int) in.signed());
      follow(new Keys.Offset(inode, end), run);
      return run;
    }
  }

  final class Blocks implements Packing<Long, Keys.Block> {
    private long id;

    @Override
    public void pack(Packed.Out out, Long key, Keys.Block block) {
      out.signed(key - id);
      id = key;
      out.signed(block.length());
      out.signed(block.references());
      out.unsigned(block.where());
    }

    @Override
    public Long key(Packed.In in) throws IOException {
      id += in.signed();
      return id;
    }

    @Override
    public Keys.Block value(Packed.In in) throws IOException {
      return new Keys.Block((int) in.signed(), (int) in.signed(), in.unsigned());
    }
  }
}
