package io.sandstore.client;

import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.SetAttributes;
import java.io.IOException;
import java.util.Set;

/**
 * A directory by its inode, whatever its name is now: what openat(2) and its kin take. Paths are
 * relative to it, of at most 4,096 bytes each, so that trees of any depth can be reached; one that
 * begins with '/' begins at the root. An empty path is the directory itself. {@code .} and {@code
 * ..} are refused with EINVAL.
 *
 * <p>Holds nothing in the cluster and needs no closing. Once the directory is removed, all calls
 * fail with ESTALE. Thread-safe. What each call does is described at {@link SandstoreClient}.
 */
public final class SandDirectory {

  private final SandstoreClient client;
  private final long inode;

  SandDirectory(SandstoreClient client, long inode) {
    this.client = client;
    this.inode = inode;
  }

  public long inode() {
    return inode;
  }

  Location location(String path) {
    return Location.newBuilder().setBase(path.startsWith("/") ? 0 : inode).setPath(path).build();
  }

  /**
   * A directory below this one.
   *
   * @throws io.sandstore.rpc.PosixException ENOTDIR if it is none, ELOOP if the last name is a
   *     symbolic link
   */
  public SandDirectory openDirectory(String path) throws IOException {
    return client.openDirectory(location(path), true);
  }

  public SandFile open(String path, Set<OpenFlag> flags, int mode) throws IOException {
    return client.open(location(path), flags, mode);
  }

  public FileStat stat(String path) throws IOException {
    return client.lookup(Lookup.newBuilder().setLocation(location(path)));
  }

  public FileStat lstat(String path) throws IOException {
    return client.lookup(Lookup.newBuilder().setLocation(location(path)).setNoFollow(true));
  }

  public FileStat setattr(String path, AttributeChange change) throws IOException {
    return client.setattr(SetAttributes.newBuilder().setLocation(location(path)), change);
  }

  public FileStat lsetattr(String path, AttributeChange change) throws IOException {
    return client.setattr(
        SetAttributes.newBuilder().setLocation(location(path)).setNoFollow(true), change);
  }

  /** A page of what is in this directory; see {@link SandstoreClient#readdir}. */
  public DirectoryPage readdir(String after, int limit) throws IOException {
    return client.readdir(location(""), after, limit);
  }

  public FileStat mkdir(String path, int mode) throws IOException {
    return client.mkdir(location(path), mode);
  }

  public void rmdir(String path) throws IOException {
    client.rmdir(location(path));
  }

  public void unlink(String path) throws IOException {
    client.unlink(location(path));
  }

  public void rename(String from, SandDirectory toDirectory, String to, boolean noReplace)
      throws IOException {
    client.rename(location(from), toDirectory.location(to), noReplace);
  }

  public void exchange(String first, SandDirectory secondDirectory, String second)
      throws IOException {
    client.exchange(location(first), secondDirectory.location(second));
  }

  public void link(String existing, SandDirectory nameDirectory, String name) throws IOException {
    client.link(location(existing), nameDirectory.location(name), false);
  }

  /** Names an open file; see {@link SandstoreClient#link(SandFile, String)}. */
  public void link(SandFile file, String name) throws IOException {
    client.link(file, location(name));
  }

  public FileStat symlink(String target, String path) throws IOException {
    return client.symlink(target, location(path));
  }

  public String readlink(String path) throws IOException {
    return client.readlink(location(path));
  }

  public FileStat makeNode(String path, FileStat.Type type, int mode, long device)
      throws IOException {
    return client.makeNode(location(path), type, mode, device);
  }

  /** A file without a name; see {@link SandstoreClient#createUnnamed}. */
  public SandFile createUnnamed(int mode) throws IOException {
    return client.createUnnamed(location(""), mode);
  }

  /** Of what a path names; a symbolic link at its end is followed. */
  public ExtendedAttributes xattrs(String path) {
    return ExtendedAttributes.of(client, location(path), false);
  }

  /** Like {@link #xattrs}, but of a symbolic link itself. */
  public ExtendedAttributes lxattrs(String path) {
    return ExtendedAttributes.of(client, location(path), true);
  }
}
