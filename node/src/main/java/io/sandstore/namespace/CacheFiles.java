package io.sandstore.namespace;

import com.google.protobuf.ByteString;
import io.sandstore.wire.Evict;
import io.sandstore.wire.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Which files are a cache: those that have the extended attribute {@link #MARK}, or are below a
 * directory that has it. The nearest mark counts, that of the file itself first; and it counts as
 * it is at the moment when something is chosen, and again when it goes. Only owners set marks,
 * which reach no directories of others.
 */
public final class CacheFiles {

  /**
   * Words by commas: {@code ttl=SECONDS} since the last change, {@code pin}, {@code off}; none of
   * them: a cache without a time. What is not understood keeps a file.
   */
  public static final String MARK = "user.sandstore.cache";

  /** No value that means something is longer. */
  private static final int MARK_BYTES_MAX = 64;

  private static final long TTL_SECONDS_MAX = 1L << 40;

  private final Namespace namespace;
  private final Names names;

  CacheFiles(Namespace namespace, Names names) {
    this.namespace = namespace;
    this.names = names;
  }

  /**
   * What a mark says.
   *
   * @param evictable false of what is pinned, or is not a cache
   * @param ttlMs 0: none
   */
  record Mark(boolean evictable, long ttlMs) {

    static final Mark NONE = new Mark(false, 0);

    static Mark of(ByteString value) {
      if (value.size() > MARK_BYTES_MAX) {
        return NONE;
      }
      long ttl = 0;
      for (String word : value.toStringUtf8().split(",", -1)) {
        String stripped = word.strip();
        if (stripped.startsWith("ttl=")) {
          ttl = seconds(stripped.substring(4));
          if (ttl < 0) {
            return NONE;
          }
        } else if (!stripped.isEmpty()) {
          return NONE; // pin, off, or a word of a later release
        }
      }
      return new Mark(true, ttl * 1000);
    }

    private static long seconds(String text) {
      try {
        long seconds = Long.parseLong(text);
        return seconds > 0 && seconds <= TTL_SECONDS_MAX ? seconds : -1;
      } catch (NumberFormatException e) {
        return -1;
      }
    }

    boolean isOver(long changedMs, long nowMs) {
      return evictable && ttlMs > 0 && nowMs - changedMs >= ttlMs;
    }
  }

  /** A place in the walk over all names. */
  public record Position(long directory, String name) {
    public static final Position BEGIN = new Position(0, "");
  }

  /**
   * A file that may leave the cache.
   *
   * @param ttlMs how long after its last change it must; 0: never by itself
   */
  public record CacheFile(
      long directory, String name, long inode, long size, long changedMs, long ttlMs) {

    public boolean isOver(long nowMs) {
      return new Mark(true, ttlMs).isOver(changedMs, nowMs);
    }

    public Evict.Entry entry(boolean open) {
      return Evict.Entry.newBuilder()
          .setDirectory(directory)
          .setName(name)
          .setInode(inode)
          .setSize(size)
          .setCtimeMs(changedMs)
          .setOpen(open)
          .build();
    }
  }

  /** Some files, and where to go on; empty: those were the last. */
  public record Page(List<CacheFile> files, Optional<Position> next) {}

  Page page(Position after, int look) {
    List<CacheFile> files = new ArrayList<>();
    Keys.Dentry from = new Keys.Dentry(after.directory(), after.name());
    long directory = -1;
    Mark above = Mark.NONE;
    int looked = 0;
    for (Map.Entry<Keys.Dentry, Long> entry :
        namespace.tree.dentries.live.tailMap(from, false).entrySet()) {
      Keys.Dentry name = entry.getKey();
      if (looked++ == look) {
        return new Page(files, Optional.of(new Position(from.parent(), from.name())));
      }
      if (name.parent() != directory) {
        directory = name.parent();
        above = ofDirectory(directory);
      }
      Inode inode = namespace.tree.inode(entry.getValue());
      Mark mark = isCandidate(inode) ? own(inode.id()).orElse(above) : Mark.NONE;
      if (mark.evictable()) {
        files.add(
            new CacheFile(
                name.parent(),
                name.name(),
                inode.id(),
                inode.size(),
                inode.ctimeMs(),
                mark.ttlMs()));
      }
      from = name;
    }
    return new Page(files, Optional.empty());
  }

  /** A file with more names than one is somebody's beside the cache. */
  private static boolean isCandidate(Inode inode) {
    return inode.isRegular() && inode.links() == 1;
  }

  private Optional<Mark> own(long inode) {
    if (!namespace.xattrs.marked.contains(inode)) {
      return Optional.empty();
    }
    @Nullable ByteString value = namespace.xattrs.values.get(new Keys.Xattr(inode, MARK));
    return Optional.of(value == null ? Mark.NONE : Mark.of(value));
  }

  /**
   * Of the nearest directory that has one, upwards from this one. What its owner could not remove
   * it cannot have evicted: but for root's, a mark ends where somebody else's directory begins.
   */
  private Mark ofDirectory(long directory) {
    if (namespace.xattrs.marked.isEmpty()) {
      return Mark.NONE;
    }
    Inode here = namespace.tree.inode(directory);
    int owner = here.uid();
    boolean ofOne = true;
    while (true) {
      ofOne &= here.uid() == owner;
      Optional<Mark> mark = ofOne || here.uid() == 0 ? own(here.id()) : Optional.empty();
      if (mark.isPresent() || here.id() == Inode.ROOT) {
        return mark.orElse(Mark.NONE);
      }
      here = namespace.tree.inode(here.parent());
    }
  }

  Outcome evict(Evict op) {
    long files = 0;
    long bytes = 0;
    for (Evict.Entry entry : op.getEntriesList()) {
      Keys.Dentry name = new Keys.Dentry(entry.getDirectory(), entry.getName());
      @Nullable Inode inode = chosen(name, entry);
      if (inode != null && may(inode, entry.getDirectory(), op.getExpired())) {
        names.evict(name, namespace.tree.inode(entry.getDirectory()), inode, entry.getOpen());
        files++;
        bytes += inode.size();
      }
    }
    return Outcome.newBuilder().setValue(files).setEvictedBytes(bytes).build();
  }

  /** The file, if it is still what was chosen. */
  private @Nullable Inode chosen(Keys.Dentry name, Evict.Entry entry) {
    @Nullable Long named = namespace.tree.dentries.get(name);
    @Nullable Inode inode =
        named == null || named != entry.getInode() ? null : namespace.tree.inodes.get(named);
    boolean same =
        inode != null
            && isCandidate(inode)
            && inode.size() == entry.getSize()
            && inode.ctimeMs() == entry.getCtimeMs();
    return same ? inode : null;
  }

  private boolean may(Inode inode, long directory, boolean expired) {
    Mark mark = own(inode.id()).orElseGet(() -> ofDirectory(directory));
    return expired ? mark.isOver(inode.ctimeMs(), namespace.time.dateMs()) : mark.evictable();
  }
}
