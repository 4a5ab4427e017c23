package io.sandstore.client;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.ClosedFileSystemException;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.WatchService;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A cluster as a file system of java.nio.file, with a client of its own. */
final class SandFileSystem extends FileSystem {

  private final SandFileSystemProvider provider;
  private final String authority;
  private final SandstoreClient client;
  private final ChannelLocks locks = new ChannelLocks();
  private final Set<Closeable> closeWithThis = ConcurrentHashMap.newKeySet();
  private volatile boolean open = true;

  SandFileSystem(SandFileSystemProvider provider, String authority, SandstoreClient client) {
    this.provider = provider;
    this.authority = authority;
    this.client = client;
  }

  String authority() {
    return authority;
  }

  /**
   * @throws ClosedFileSystemException if this file system was closed
   */
  SandstoreClient client() {
    if (!open) {
      throw new ClosedFileSystemException();
    }
    return client;
  }

  /**
   * True if both are of one cluster, as far as its nodes have said so, whatever their addresses.
   */
  boolean sameCluster(SandFileSystem other) {
    String id = client.clusterClient().clusterId();
    return this == other || (!id.isEmpty() && id.equals(other.client.clusterClient().clusterId()));
  }

  ChannelLocks locks() {
    return locks;
  }

  /** What ends with this file system, unless it is closed before. */
  <T extends Closeable> T opened(T inUse) {
    closeWithThis.add(inUse);
    return inUse;
  }

  void closed(Closeable was) {
    closeWithThis.remove(was);
  }

  @Override
  public FileSystemProvider provider() {
    return provider;
  }

  @Override
  public void close() throws IOException {
    synchronized (closeWithThis) {
      if (!open) {
        return;
      }
      open = false;
    }
    provider.forget(this);
    IOException failure = null;
    for (Closeable inUse : List.copyOf(closeWithThis)) {
      try {
        inUse.close();
      } catch (IOException e) {
        failure = e;
      }
    }
    client.close();
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public boolean isReadOnly() {
    return false;
  }

  @Override
  public String getSeparator() {
    return "/";
  }

  @Override
  public Iterable<Path> getRootDirectories() {
    return List.of(new SandPath(this, "/"));
  }

  @Override
  public Iterable<FileStore> getFileStores() {
    return List.of(new SandFileStore(this));
  }

  @Override
  public Set<String> supportedFileAttributeViews() {
    return NamedAttributes.VIEWS;
  }

  @Override
  public Path getPath(String first, String... more) {
    StringBuilder path = new StringBuilder(first);
    for (String part : more) {
      if (!part.isEmpty()) {
        path.append(path.isEmpty() ? "" : "/").append(part);
      }
    }
    return new SandPath(this, path.toString());
  }

  /**
   * Globs and regular expressions mean here what they mean on the default file system, whose
   * matchers look at a path's text alone.
   */
  @Override
  public PathMatcher getPathMatcher(String syntaxAndPattern) {
    return FileSystems.getDefault().getPathMatcher(syntaxAndPattern);
  }

  @Override
  public UserPrincipalLookupService getUserPrincipalLookupService() {
    return new Principals.Lookup();
  }

  @Override
  public WatchService newWatchService() {
    client(); // which a closed file system refuses
    return opened(new SandWatchService(this));
  }
}
