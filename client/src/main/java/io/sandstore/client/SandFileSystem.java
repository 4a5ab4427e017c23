package io.sandstore.client;

import java.io.IOException;
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

/** A cluster as a file system of java.nio.file, with a client of its own. */
final class SandFileSystem extends FileSystem {

  private final SandFileSystemProvider provider;
  private final String authority;
  private final SandstoreClient client;
  private volatile boolean open = true;

  SandFileSystem(SandFileSystemProvider provider, String authority, SandstoreClient client) {
    this.provider = provider;
    this.authority = authority;
    this.client = client;
  }

  String authority() {
    return authority;
  }

  SandstoreClient client() {
    return client;
  }

  @Override
  public FileSystemProvider provider() {
    return provider;
  }

  @Override
  public void close() throws IOException {
    open = false;
    provider.forget(this);
    client.close();
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
    return Set.of("basic", "posix");
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

  /** Globs and regular expressions mean here what they mean on the default file system. */
  @Override
  public PathMatcher getPathMatcher(String syntaxAndPattern) {
    PathMatcher matcher = FileSystems.getDefault().getPathMatcher(syntaxAndPattern);
    return path -> matcher.matches(Path.of(path.toString()));
  }

  @Override
  public UserPrincipalLookupService getUserPrincipalLookupService() {
    throw new UnsupportedOperationException("owners are numbers here");
  }

  @Override
  public WatchService newWatchService() {
    throw new UnsupportedOperationException("files in Sand Store cannot be watched");
  }
}
