package io.sandstore.client;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A file's attributes as java.nio.file wants them. */
record SandAttributes(FileStat stat) implements PosixFileAttributes {

  static int mode(Set<PosixFilePermission> permissions) {
    int mode = 0;
    for (PosixFilePermission permission : permissions) {
      mode |= 1 << (8 - permission.ordinal());
    }
    return mode;
  }

  @Override
  public UserPrincipal owner() {
    return new Principals.User(stat.uid());
  }

  @Override
  public GroupPrincipal group() {
    return new Principals.Group(stat.gid());
  }

  @Override
  public Set<PosixFilePermission> permissions() {
    Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
    for (PosixFilePermission permission : PosixFilePermission.values()) {
      if ((stat.mode() >> (8 - permission.ordinal()) & 1) == 1) {
        permissions.add(permission);
      }
    }
    return permissions;
  }

  @Override
  public FileTime lastModifiedTime() {
    return FileTime.from(stat.mtime());
  }

  @Override
  public FileTime lastAccessTime() {
    return FileTime.from(stat.atime());
  }

  /** Not kept; the time of the last change comes closest. */
  @Override
  public FileTime creationTime() {
    return FileTime.from(stat.ctime());
  }

  @Override
  public boolean isRegularFile() {
    return stat.isFile();
  }

  @Override
  public boolean isDirectory() {
    return stat.isDirectory();
  }

  @Override
  public boolean isSymbolicLink() {
    return stat.isSymlink();
  }

  @Override
  public boolean isOther() {
    return !stat.isFile() && !stat.isDirectory() && !stat.isSymlink();
  }

  @Override
  public long size() {
    return stat.size();
  }

  @Override
  public Object fileKey() {
    return stat.inode();
  }

  /** Permissions and the kind of file, as st_mode has them. */
  int unixMode() {
    int kind =
        switch (stat.type()) {
          case FILE -> 0100000;
          case DIRECTORY -> 0040000;
          case SYMLINK -> 0120000;
          case FIFO -> 0010000;
          case SOCKET -> 0140000;
          case CHARACTER_DEVICE -> 0020000;
          case BLOCK_DEVICE -> 0060000;
        };
    return kind | stat.mode();
  }

  FileTime changed() {
    return FileTime.from(stat.ctime());
  }

  /**
   * Reads and changes the attributes of one path, or of what it leads to.
   *
   * @param name of the view that was asked for
   * @param called what exceptions say
   */
  record View(String name, SandPath called, Place.Finder at, boolean follow)
      implements PosixFileAttributeView {

    @Override
    public SandAttributes readAttributes() throws IOException {
      return SandFileSystemProvider.translated(
          called, () -> new SandAttributes(at.find().stat(follow)));
    }

    private void change(AttributeChange change) throws IOException {
      SandFileSystemProvider.translated(called, () -> at.find().setattr(change, follow));
    }

    ExtendedAttributes xattrs() throws IOException {
      return at.find().xattrs(follow);
    }

    /** Times that are null stay; that of creation cannot be set. */
    @Override
    public void setTimes(
        @Nullable FileTime modified, @Nullable FileTime accessed, @Nullable FileTime created)
        throws IOException {
      AttributeChange change = AttributeChange.NONE;
      if (modified != null) {
        change = change.withMtime(bounded(modified));
      }
      if (accessed != null) {
        change = change.withAtime(bounded(accessed));
      }
      if (modified != null || accessed != null) {
        change(change);
      }
    }

    /** Times further away than milliseconds can count are the last that can be counted. */
    private static Instant bounded(FileTime time) {
      Instant instant = time.toInstant();
      Instant counted = Instant.ofEpochMilli(time.toMillis());
      return Duration.between(counted, instant).abs().toMillis() > 0 ? counted : instant;
    }

    @Override
    public void setPermissions(Set<PosixFilePermission> permissions) throws IOException {
      setMode(mode(permissions));
    }

    /**
     * @param mode permission bits; what says the kind of file is left out
     */
    void setMode(int mode) throws IOException {
      if (!follow && readAttributes().isSymbolicLink()) {
        throw new FileSystemException(called.toString(), null, "a link has no permissions");
      }
      change(AttributeChange.NONE.withMode(mode & 07777));
    }

    @Override
    public void setOwner(UserPrincipal owner) throws IOException {
      if (owner instanceof GroupPrincipal) {
        throw new IOException("'owner' parameter can't be a group");
      }
      change(AttributeChange.NONE.withUid(Principals.number(owner)));
    }

    @Override
    public void setGroup(GroupPrincipal group) throws IOException {
      change(AttributeChange.NONE.withGid(Principals.number(group)));
    }

    @Override
    public UserPrincipal getOwner() throws IOException {
      return readAttributes().owner();
    }
  }
}
