package io.sandstore.client;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.ClosedDirectoryStreamException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A directory, a page at a time, whatever its name becomes meanwhile. Paths that are relative are
 * looked up in it; dots in them are refused.
 */
@SuppressWarnings("IterableAndIterator") // handed out once
final class SandDirectoryStream implements SecureDirectoryStream<Path>, Iterator<Path> {

  private static final int PAGE = 1000;

  private final SandPath path;
  private final SandDirectory directory;
  private final DirectoryStream.Filter<? super Path> filter;
  private DirectoryPage page;
  private int next;
  private @Nullable Path ahead;
  private boolean taken;
  private volatile boolean closed;

  /**
   * @param path what the directory was called when it was opened
   */
  SandDirectoryStream(
      SandPath path, SandDirectory directory, DirectoryStream.Filter<? super Path> filter)
      throws IOException {
    this.path = path;
    this.directory = directory;
    this.filter = filter;
    this.page = SandFileSystemProvider.translated(path, () -> directory.readdir("", PAGE));
  }

  // --- Names ---

  @Override
  public Iterator<Path> iterator() {
    if (taken || closed) {
      throw new IllegalStateException("the stream was used already");
    }
    taken = true;
    return this;
  }

  @Override
  public boolean hasNext() {
    try {
      while (ahead == null && !closed && advance()) {
        // Until one passes the filter.
      }
    } catch (IOException e) {
      throw new DirectoryIteratorException(e);
    }
    return ahead != null;
  }

  private boolean advance() throws IOException {
    List<DirectoryPage.Entry> entries = page.entries();
    if (next == entries.size()) {
      if (!page.more()) {
        return false;
      }
      checkFileSystemOpen();
      String after = entries.getLast().name();
      page = SandFileSystemProvider.translated(path, () -> directory.readdir(after, PAGE));
      next = 0;
      return true;
    }
    Path candidate = path.resolve(new SandPath(path.sand(), entries.get(next++).name()));
    if (filter.accept(candidate)) {
      ahead = candidate;
    }
    return true;
  }

  @Override
  public Path next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    Path found = ahead;
    ahead = null;
    if (found == null) {
      throw new NoSuchElementException();
    }
    return found;
  }

  @Override
  public void close() {
    closed = true;
  }

  private void checkFileSystemOpen() {
    path.client();
  }

  // --- What is in it ---

  private void checkOpen() {
    checkFileSystemOpen();
    if (closed) {
      throw new ClosedDirectoryStreamException();
    }
  }

  private Place place(Path inside) {
    checkOpen();
    return new Place(directory, SandFileSystemProvider.cast(inside).toString());
  }

  private SandPath called(Path inside) {
    return (SandPath) path.resolve(inside);
  }

  @Override
  public SecureDirectoryStream<Path> newDirectoryStream(Path inside, LinkOption... options)
      throws IOException {
    Place place = place(inside);
    boolean noFollow = !SandFileSystemProvider.follow(options);
    SandDirectory opened =
        SandFileSystemProvider.translated(
            called(inside),
            () -> path.client().openDirectory(directory.location(place.path()), noFollow));
    return new SandDirectoryStream(called(inside), opened, any -> true);
  }

  @Override
  public SeekableByteChannel newByteChannel(
      Path inside, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    Place place = place(inside);
    return SandFileSystemProvider.open(called(inside), () -> place, options, attributes);
  }

  @Override
  public void deleteFile(Path inside) throws IOException {
    Place place = place(inside);
    SandFileSystemProvider.translated(
        called(inside),
        () -> {
          directory.unlink(place.path());
          return true;
        });
  }

  @Override
  public void deleteDirectory(Path inside) throws IOException {
    Place place = place(inside);
    SandFileSystemProvider.translated(
        called(inside),
        () -> {
          directory.rmdir(place.path());
          return true;
        });
  }

  /** As rename(2): atomic, and what is there is replaced. */
  @Override
  public void move(Path source, SecureDirectoryStream<Path> targetDirectory, Path target)
      throws IOException {
    if (!(targetDirectory instanceof SandDirectoryStream other)) {
      throw new ProviderMismatchException("not a directory in Sand Store");
    }
    Place from = place(source);
    Place to = other.place(target);
    if (!path.sand().sameCluster(other.path.sand())) {
      throw new FileSystemException(
          source.toString(), target.toString(), "EXDEV: between two clusters");
    }
    SandFileSystemProvider.translated(
        called(source),
        () -> {
          directory.rename(from.path(), other.directory, to.path(), false);
          return true;
        });
  }

  @Override
  public <V extends FileAttributeView> @Nullable V getFileAttributeView(Class<V> type) {
    return SandFileSystemProvider.view(path, () -> place(path.empty()), type);
  }

  @Override
  public <V extends FileAttributeView> @Nullable V getFileAttributeView(
      Path inside, Class<V> type, LinkOption... options) {
    return SandFileSystemProvider.view(called(inside), () -> place(inside), type, options);
  }
}
