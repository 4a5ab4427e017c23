package io.sandstore.client;

import java.io.IOException;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A file's attributes as java.nio.file wants them. */
record SandAttributes(FileStat stat) implements PosixFileAttributes {

  /** A user or group by number. */
  record Owner(int number) implements GroupPrincipal {
    @Override
    public String getName() {
      return Integer.toString(number);
    }
  }

  static int mode(Set<PosixFilePermission> permissions) {
    int mode = 0;
    for (PosixFilePermission permission : permissions) {
      mode |= 1 << (8 - permission.ordinal());
    }
    return mode;
  }

  @Override
  public UserPrincipal owner() {
    return new Owner(stat.uid());
  }

  @Override
  public GroupPrincipal group() {
    return new Owner(stat.gid());
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
    return FileTime.fromMillis(stat.mtimeMs());
  }

  @Override
  public FileTime lastAccessTime() {
    return FileTime.fromMillis(stat.atimeMs());
  }

  /** Not kept; the time of the last change comes closest. */
  @Override
  public FileTime creationTime() {
    return FileTime.fromMillis(stat.ctimeMs());
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
    return false;
  }

  @Override
  public long size() {
    return stat.size();
  }

  @Override
  public Object fileKey() {
    return stat.inode();
  }

  /** Reads and changes the attributes of one path. */
  record View(SandPath path, boolean follow) implements PosixFileAttributeView {

    @Override
    public String name() {
      return "posix";
    }

    @Override
    public PosixFileAttributes readAttributes() throws IOException {
      return SandFileSystemProvider.attributes(path, follow);
    }

    private void change(AttributeChange change) throws IOException {
      SandFileSystemProvider.translated(
          path, () -> path.sand().client().setattr(path.inCluster(), change));
    }

    @Override
    public void setTimes(
        @Nullable FileTime modified, @Nullable FileTime accessed, @Nullable FileTime created)
        throws IOException {
      AttributeChange change = AttributeChange.NONE;
      if (modified != null) {
        change = change.withMtime(modified.toMillis());
      }
      if (accessed != null) {
        change = change.withAtime(accessed.toMillis());
      }
      change(change);
    }

    @Override
    public void setPermissions(Set<PosixFilePermission> permissions) throws IOException {
      change(AttributeChange.NONE.withMode(mode(permissions)));
    }

    @Override
    public void setOwner(UserPrincipal owner) throws IOException {
      change(AttributeChange.NONE.withOwner(number(owner), number(readAttributes().group())));
    }

    @Override
    public void setGroup(GroupPrincipal group) throws IOException {
      change(AttributeChange.NONE.withOwner(number(readAttributes().owner()), number(group)));
    }

    @Override
    public UserPrincipal getOwner() throws IOException {
      return readAttributes().owner();
    }

    private static int number(UserPrincipal owner) {
      return Integer.parseInt(owner.getName());
    }
  }
}
