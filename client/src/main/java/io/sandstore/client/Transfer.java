package io.sandstore.client;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.COPY_ATTRIBUTES;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import io.sandstore.rpc.PosixException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.StandardCopyOption;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Copies and moves. What is to take a place is whole before it does, under a name beside it; what
 * had the place goes last. So one that fails changes nothing that can be seen, whenever that is.
 */
final class Transfer {

  private static final int BUFFER_BYTES = 1 << 20;

  private Transfer() {}

  /** What the options of a copy or a move ask for. */
  private record Wishes(boolean replace, boolean atomic, boolean keepAttributes, boolean follow) {

    /** A move to another cluster. */
    static final Wishes ALL_OF_IT = new Wishes(true, false, true, false);

    static Wishes ofCopy(CopyOption[] options) {
      Wishes wishes = of(options);
      if (wishes.atomic) {
        throw new UnsupportedOperationException("a copy cannot be " + ATOMIC_MOVE);
      }
      return wishes;
    }

    static Wishes ofMove(CopyOption[] options) {
      Wishes wishes = of(options);
      if (wishes.keepAttributes) {
        throw new UnsupportedOperationException("a move takes no " + COPY_ATTRIBUTES);
      }
      return wishes;
    }

    private static Wishes of(CopyOption[] options) {
      Set<CopyOption> all = new HashSet<>();
      for (CopyOption option : options) {
        boolean known = option instanceof StandardCopyOption || option == LinkOption.NOFOLLOW_LINKS;
        if (!known) {
          throw new UnsupportedOperationException(
              "option " + Objects.requireNonNull(option, "an option"));
        }
        all.add(option);
      }
      return new Wishes(
          all.contains(REPLACE_EXISTING),
          all.contains(ATOMIC_MOVE),
          all.contains(COPY_ATTRIBUTES),
          !all.contains(LinkOption.NOFOLLOW_LINKS));
    }
  }

  static void copy(SandPath from, SandPath to, CopyOption[] options) throws IOException {
    copy(from, to, Wishes.ofCopy(options));
  }

  private static void copy(SandPath from, SandPath to, Wishes wishes) throws IOException {
    SandAttributes source = SandFileSystemProvider.attributes(from, wishes.follow);
    Optional<SandAttributes> old = existing(to);
    if (old.isPresent()) {
      if (from.equals(to) || sameFile(from, source, to, old.get())) {
        return; // onto itself: there is nothing to do, and above all nothing to remove
      }
      checkReplaceable(to, old.get(), wishes);
    }
    SandPath made = beside(to);
    boolean placed = false;
    try {
      make(from, source, made, to, wishes);
      place(made, source.isDirectory(), to, old);
      placed = true;
    } finally {
      if (!placed) {
        discard(made);
      }
    }
  }

  static void move(SandPath from, SandPath to, CopyOption[] options) throws IOException {
    Wishes wishes = Wishes.ofMove(options);
    SandAttributes source = SandFileSystemProvider.attributes(from, false); // before the target
    checkHasName(from);
    if (wishes.atomic) {
      // Asks something of the other cluster, too: which one it is, is known after an answer.
      existing(to);
      if (!from.sand().sameCluster(to.sand())) {
        throw new AtomicMoveNotSupportedException(
            from.toString(), to.toString(), "EXDEV: between two clusters");
      }
      rename(from, to, false);
      return;
    }
    Optional<SandAttributes> old = existing(to);
    if (old.isPresent()) {
      if (sameFile(from, source, to, old.get())) {
        return;
      }
      checkReplaceable(to, old.get(), wishes);
    }
    if (from.sand().sameCluster(to.sand())) {
      place(from, source.isDirectory(), to, old);
      return;
    }
    if (source.isDirectory()) {
      checkEmpty(from, from);
    }
    copy(from, to, Wishes.ALL_OF_IT);
    SandFileSystemProvider.delete(from);
  }

  /** What is at a path itself, not behind a link. */
  private static Optional<SandAttributes> existing(SandPath path) throws IOException {
    try {
      return Optional.of(SandFileSystemProvider.attributes(path, false));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  private static boolean sameFile(
      SandPath from, SandAttributes source, SandPath to, SandAttributes target) {
    return source.fileKey().equals(target.fileKey()) && from.sand().sameCluster(to.sand());
  }

  private static void checkReplaceable(SandPath to, SandAttributes old, Wishes wishes)
      throws IOException {
    if (!wishes.replace) {
      throw new FileAlreadyExistsException(to.toString());
    }
    if (old.isDirectory()) {
      checkEmpty(to, to);
    }
  }

  private static void checkEmpty(SandPath directory, SandPath called) throws IOException {
    String path = directory.inCluster();
    if (!SandFileSystemProvider.translated(called, () -> directory.client().readdir(path, "", 1))
        .entries()
        .isEmpty()) {
      throw new DirectoryNotEmptyException(called.toString());
    }
  }

  private static void checkHasName(SandPath path) throws FileSystemException {
    if (path.getFileName() == null || path.endsInDots()) {
      throw new FileSystemException(path.toString(), null, "the name of the root, or dots");
    }
  }

  /** A name in the same directory that nobody uses. */
  private static SandPath beside(SandPath path) throws FileSystemException {
    checkHasName(path);
    long random = path.client().host().random().nextLong();
    return path.sibling(".sandstore-copy-%016x".formatted(random));
  }

  /** Makes a copy, whole and durable. */
  private static void make(
      SandPath from, SandAttributes source, SandPath made, SandPath to, Wishes wishes)
      throws IOException {
    SandstoreClient client = made.client();
    String path = SandFileSystemProvider.translated(to, made::inCluster);
    switch (source.stat().type()) {
      case DIRECTORY ->
          SandFileSystemProvider.translated(
              to,
              () -> {
                client.mkdir(path, source.stat().mode());
                copyAttributes(from, source, made, wishes);
                return true;
              });
      case SYMLINK -> {
        String target = SandFileSystemProvider.target(from);
        SandFileSystemProvider.translated(
            to,
            () -> {
              client.symlink(target, path);
              copyAttributes(from, source, made, wishes);
              return true;
            });
      }
      case FILE -> {
        try (SandFile in = open(from, from.inCluster(), from, EnumSet.of(OpenFlag.O_RDONLY), 0);
            SandFile out =
                open(
                    made,
                    path,
                    to,
                    EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL),
                    source.stat().mode())) {
          ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
          while (in.read(buffer) >= 0) {
            out.write(buffer.flip());
            buffer.clear();
          }
        }
        copyAttributes(from, source, made, wishes); // writing dated the file
      }
      case FIFO, SOCKET, CHARACTER_DEVICE, BLOCK_DEVICE ->
          SandFileSystemProvider.translated(
              to,
              () -> {
                FileStat stat = source.stat();
                client.makeNode(path, stat.type(), stat.mode(), stat.device());
                copyAttributes(from, source, made, wishes);
                return true;
              });
    }
  }

  private static SandFile open(
      SandPath path, String inCluster, SandPath called, Set<OpenFlag> flags, int mode)
      throws IOException {
    return SandFileSystemProvider.translated(
        called, () -> path.client().open(inCluster, flags, mode));
  }

  /** If it is wished: owner, mode, extended attributes of users, and last the times. */
  private static void copyAttributes(
      SandPath from, SandAttributes source, SandPath made, Wishes wishes) throws IOException {
    if (!wishes.keepAttributes) {
      return;
    }
    FileStat stat = source.stat();
    AttributeChange change =
        AttributeChange.NONE
            .withOwner(stat.uid(), stat.gid())
            .withMtime(stat.mtime())
            .withAtime(stat.atime());
    if (stat.isSymlink()) {
      made.place().setattr(change, false);
      return;
    }
    UserAttributes old = new UserAttributes(view(from, wishes.follow));
    UserAttributes copied = new UserAttributes(view(made, false));
    for (String name : old.list()) {
      copied.write(name, ByteBuffer.wrap(old.get(name)));
    }
    made.place().setattr(change.withMode(stat.mode()), false);
  }

  private static SandAttributes.View view(SandPath path, boolean follow) {
    return new SandAttributes.View("user", path, path::place, follow);
  }

  /** Gives a file the place of another, or an empty one that must still be empty. */
  private static void place(
      SandPath made, boolean directory, SandPath to, Optional<SandAttributes> old)
      throws IOException {
    if (old.isEmpty() || old.get().isDirectory() == directory) {
      rename(made, to, old.isEmpty());
      return;
    }
    // POSIX refuses to replace a directory by something else, and the other way round.
    SandPath aside = beside(to);
    rename(to, aside, true);
    boolean placed = false;
    try {
      if (old.get().isDirectory()) {
        checkEmpty(aside, to);
      }
      rename(made, to, true);
      placed = true;
    } finally {
      if (!placed) {
        Uninterrupted.run(
            to.client().host(),
            () -> {
              rename(aside, to, true);
              return true;
            });
      }
    }
    discard(aside);
  }

  private static void rename(SandPath from, SandPath to, boolean noReplace) throws IOException {
    try {
      from.client().rename(from.inCluster(), to.inCluster(), noReplace);
    } catch (PosixException e) {
      throw SandFileSystemProvider.translate(from.toString(), to.toString(), e);
    }
  }

  /** Removes what nobody has seen; what cannot be removed now is no reason to fail. */
  private static void discard(SandPath path) {
    try {
      Uninterrupted.run(
          path.client().host(),
          () -> {
            SandFileSystemProvider.delete(path);
            return true;
          });
    } catch (IOException e) {
      // It was never made, or stays under a name that says what it is.
    }
  }
}
