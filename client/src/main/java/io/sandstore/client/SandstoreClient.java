package io.sandstore.client;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Access;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.Command;
import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.Credentials;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Exchange;
import io.sandstore.wire.FileSystemStats;
import io.sandstore.wire.Header;
import io.sandstore.wire.Link;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.MakeNode;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Ping;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.ReadLink;
import io.sandstore.wire.Rename;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.Rmdir;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.StatFs;
import io.sandstore.wire.StatusRequest;
import io.sandstore.wire.StepAside;
import io.sandstore.wire.Symlink;
import io.sandstore.wire.Unlink;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A client of a Sand Store cluster. Thread-safe; one is enough for a program.
 *
 * <p>Paths are absolute, '/' between names of 1 to 255 bytes of UTF-8. A call that returned has
 * happened and stays; a {@link PosixException} says why one did not, ETIMEDOUT that it may have.
 * Buffers of a file are flushed by {@link SandFile#fsync} and {@link SandFile#close}.
 */
public final class SandstoreClient implements Closeable {

  /** For {@link #access}: to execute a file, to search a directory. */
  public static final int EXECUTE = 1;

  /** For {@link #access}. */
  public static final int WRITE = 2;

  /** For {@link #access}. */
  public static final int READ = 4;

  /** What was shipped becomes part of its file after this time, or twice it, at the latest. */
  private static final Duration SETTLE_AFTER = Duration.ofSeconds(5);

  /** A third of the shortest time that a cluster keeps what nobody says is in use. */
  private static final Duration RETAIN_EVERY = SETTLE_AFTER.multipliedBy(2);

  /** Files that may be open at a time: the cluster is told of every one, again and again. */
  static final int OPEN_MAX = 65_536;

  /** A file of at most so many bytes comes with its attributes, if that is wanted. */
  private static final int FIRST_BYTES = 128 << 10;

  private static final int RETAINED_PER_REQUEST = 4096;

  private final Host host;
  private final ClientConfig config;
  private final ClusterClient clusterClient;
  private final Session session;
  private final Optional<Identity> identity;
  private final Optional<Credentials> credentials;

  // From here on shared with the views of this client for other identities.

  private final AtomicLong opened;

  /** In the order of opening: one by chance could not be simulated twice. */
  private final Set<SandFile> open;

  private final Semaphore openPermits;

  /** Under which the primary knows what blocks this client holds; not 0. */
  private final long holder;

  private final WriteBuffers buffers;

  /** Chunks to be asked for ahead, of all files; half of a link's buffers stay for the rest. */
  private final Semaphore aheads;

  private final LockKeeper lockKeeper;
  private final AtomicLong tickets;
  private final AtomicBoolean tending;
  private final AtomicBoolean retaining;
  private final AtomicBoolean closed;

  /** A client of the cluster whose nodes, or some of them, are at {@code host:port[,...]}. */
  public static SandstoreClient connect(String seeds) {
    return new SandstoreClient(JvmHost.create(16), ClientConfig.of(seeds));
  }

  public SandstoreClient(Host host, ClientConfig config) {
    this.host = host;
    this.config = config;
    this.clusterClient = new ClusterClient(host, config);
    this.session = new Session(host, clusterClient);
    this.holder = host.random().nextLong() | 1;
    this.buffers = new WriteBuffers(config.writeBufferBytes(), config.blockBytes());
    this.aheads = new Semaphore(host.buffers().size() / 2);
    this.identity = Optional.empty();
    this.credentials = Optional.empty();
    this.opened = new AtomicLong();
    this.open = new ConcurrentSkipListSet<>(Comparator.comparingLong(SandFile::serial));
    this.openPermits = new Semaphore(OPEN_MAX);
    this.tending = new AtomicBoolean();
    this.retaining = new AtomicBoolean();
    this.closed = new AtomicBoolean();
    this.lockKeeper = new LockKeeper(this);
    this.tickets = new AtomicLong();
  }

  private SandstoreClient(SandstoreClient of, Identity identity) {
    this.host = of.host;
    this.config = of.config;
    this.clusterClient = of.clusterClient;
    this.session = of.session;
    this.holder = of.holder;
    this.buffers = of.buffers;
    this.aheads = of.aheads;
    this.identity = Optional.of(identity);
    this.credentials = Optional.of(identity.credentials());
    this.opened = of.opened;
    this.open = of.open;
    this.openPermits = of.openPermits;
    this.tending = of.tending;
    this.retaining = of.retaining;
    this.closed = of.closed;
    this.lockKeeper = of.lockKeeper;
    this.tickets = of.tickets;
  }

  /**
   * This client on somebody's behalf: the cluster allows what that one may do, and what it makes is
   * its own. Nothing proves an identity. A cluster below feature level 3 takes no notice of it.
   *
   * <p>A file is checked when it is opened, and not again. Connections, buffers and limits are
   * shared; to close one of the two closes both.
   */
  public SandstoreClient as(Identity who) {
    return new SandstoreClient(this, who);
  }

  /** Whether this client acts for somebody, whose permissions count. */
  boolean isSomebodys() {
    return identity.isPresent();
  }

  // --- Files ---

  /**
   * Opens a file.
   *
   * @param mode permission bits of a file that is made
   * @throws PosixException EMFILE if this client has 65,536 files open
   */
  public SandFile open(String path, Set<OpenFlag> flags, int mode) throws IOException {
    return open(location(path), flags, mode);
  }

  SandFile open(Location location, Set<OpenFlag> flags, int mode) throws IOException {
    checkFlags(flags);
    if (flags.contains(OpenFlag.O_AS_OPENED)) {
      return openWithBytes(location, flags);
    }
    return opened(() -> statToOpen(location, flags, mode), flags, location.getPath());
  }

  /**
   * Opens a file by its inode, whatever its name is now.
   *
   * @param flags without O_CREAT, O_EXCL and O_NOFOLLOW, which are about names
   * @throws PosixException ESTALE if it is gone, ELOOP if it is a symbolic link, EMFILE as above
   */
  public SandFile open(long inode, Set<OpenFlag> flags) throws IOException {
    checkFlags(flags);
    if (flags.contains(OpenFlag.O_CREAT) || flags.contains(OpenFlag.O_NOFOLLOW)) {
      throw new PosixException(Errno.EINVAL, "an inode is no name");
    }
    return opened(
        () -> {
          FileStat found = lookup(Lookup.newBuilder().setInode(inode).setMask(mask(flags)));
          return flags.contains(OpenFlag.O_TRUNC)
              ? setattr(SetAttributes.newBuilder().setInode(inode).setSize(0), AttributeChange.NONE)
              : found;
        },
        flags,
        "inode " + inode);
  }

  /**
   * Makes a file without a name in the file system of a directory and opens it to read and write,
   * as O_TMPFILE does. {@link #link(SandFile, String)} gives it a name; without one it goes when it
   * is closed.
   *
   * @param mode permission bits
   * @throws PosixException ENOTDIR, EMFILE as of {@link #open}, EPROTO below feature level 3
   */
  public SandFile createUnnamed(String directory, int mode) throws IOException {
    return createUnnamed(location(directory), mode);
  }

  SandFile createUnnamed(Location directory, int mode) throws IOException {
    CreateUnnamed.Builder op =
        CreateUnnamed.newBuilder().setDirectory(directory).setMode(masked(mode));
    return opened(
        () -> FileStat.of(mutate(Command.newBuilder().setCreateUnnamed(op)).getAttributes()),
        EnumSet.of(OpenFlag.O_RDWR),
        "");
  }

  private static void checkFlags(Set<OpenFlag> flags) throws PosixException {
    long ways = flags.stream().filter(f -> f.compareTo(OpenFlag.O_RDWR) <= 0).count();
    if (ways != 1 || (flags.contains(OpenFlag.O_RDONLY) && flags.contains(OpenFlag.O_TRUNC))) {
      throw new PosixException(
          Errno.EINVAL, "one of O_RDONLY, O_WRONLY, O_RDWR; O_TRUNC only to write");
    }
    if (flags.contains(OpenFlag.O_AS_OPENED)
        && (!flags.contains(OpenFlag.O_RDONLY) || flags.contains(OpenFlag.O_CREAT))) {
      throw new PosixException(Errno.EINVAL, "O_AS_OPENED is to read what is there");
    }
    if (flags.contains(OpenFlag.O_DIRECTORY) && flags.contains(OpenFlag.O_CREAT)) {
      throw new PosixException(Errno.EINVAL, "O_CREAT makes no directory");
    }
  }

  private FileStat statToOpen(Location location, Set<OpenFlag> flags, int mode) throws IOException {
    boolean create = flags.contains(OpenFlag.O_CREAT);
    boolean noFollow = flags.contains(OpenFlag.O_NOFOLLOW);
    if (create || flags.contains(OpenFlag.O_TRUNC)) {
      Create.Builder op =
          Create.newBuilder()
              .setLocation(location)
              .setMode(masked(mode))
              .setMask(mask(flags))
              .setExclusive(create && flags.contains(OpenFlag.O_EXCL))
              .setTruncate(flags.contains(OpenFlag.O_TRUNC))
              .setNoCreate(!create)
              .setNoFollow(noFollow);
      return FileStat.of(mutate(Command.newBuilder().setCreate(op)).getAttributes());
    }
    return lookup(
        Lookup.newBuilder().setLocation(location).setNoFollow(noFollow).setMask(mask(flags)));
  }

  /** What the caller must be allowed to open a file for. */
  private static int mask(Set<OpenFlag> flags) {
    if (flags.contains(OpenFlag.O_RDONLY)) {
      return READ;
    }
    return flags.contains(OpenFlag.O_WRONLY) ? WRITE : READ | WRITE;
  }

  private interface Found {
    FileStat stat() throws IOException;
  }

  /** Opens a file and has its bytes at once, if there are few. */
  private SandFile openWithBytes(Location location, Set<OpenFlag> flags) throws IOException {
    AtomicReference<AsOpened> bytes = new AtomicReference<>();
    boolean noFollow = flags.contains(OpenFlag.O_NOFOLLOW);
    try {
      SandFile file =
          opened(
              () -> {
                Frame answer = look(location, noFollow);
                if (hasAll(answer)) {
                  bytes.set(AsOpened.of(answer, aheads));
                } else {
                  answer.close();
                }
                return FileStat.of(answer.header().getAnswer().getAttributes());
              },
              flags,
              location.getPath());
      file.showAsOpened(bytes.get());
      return file;
    } catch (IOException e) {
      Optional.ofNullable(bytes.get()).ifPresent(AsOpened::close);
      throw e;
    }
  }

  /** What a file is, and all its bytes if there are few; the caller releases them. */
  private Frame look(Location location, boolean noFollow) throws IOException {
    Lookup.Builder op =
        Lookup.newBuilder().setLocation(location).setNoFollow(noFollow).setMask(READ);
    Ask.Builder ask =
        Ask.newBuilder().setQuery(Query.newBuilder().setLookup(op)).setFirstBytes(FIRST_BYTES);
    credentials.ifPresent(ask::setCredentials);
    try {
      Frame answer = clusterClient.ask(Header.newBuilder().setAsk(ask), deadline());
      if (answer.header().getAnswer().hasFault()) {
        answer.close();
      }
      checked(answer.header().getAnswer());
      return answer;
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  private static boolean hasAll(Frame frame) {
    Answer answer = frame.header().getAnswer();
    return answer.getWhole() && frame.payload().remaining() == answer.getAttributes().getSize();
  }

  /**
   * All bytes of a file. One of at most 128 KiB, at one moment and as a rule in one round trip; a
   * longer one as reads of a handle show it.
   *
   * @throws PosixException as of {@link #open}; EFBIG for a file that no array can hold
   */
  public byte[] readAll(String path) throws IOException {
    Set<OpenFlag> flags = EnumSet.of(OpenFlag.O_RDONLY);
    try (Frame answer = look(location(path), false)) {
      checkOpenable(FileStat.of(answer.header().getAnswer().getAttributes()), flags, path);
      if (hasAll(answer)) {
        byte[] bytes = new byte[answer.payload().remaining()];
        answer.payload().get(bytes);
        return bytes;
      }
    }
    try (SandFile file = open(path, flags, 0)) {
      return file.readAll();
    }
  }

  /** What was found or made, as an open file; one of at most so many. */
  private SandFile opened(Found found, Set<OpenFlag> flags, String name) throws IOException {
    if (!openPermits.tryAcquire()) {
      throw new PosixException(Errno.EMFILE, "a client has at most " + OPEN_MAX + " files open");
    }
    boolean done = false;
    try {
      FileStat stat = found.stat();
      checkOpenable(stat, flags, name);
      SandFile file =
          new SandFile(
              this,
              opened.getAndIncrement(),
              stat,
              !flags.contains(OpenFlag.O_WRONLY),
              !flags.contains(OpenFlag.O_RDONLY),
              flags.contains(OpenFlag.O_APPEND));
      open.add(file);
      tendOpenFiles();
      done = true;
      return file;
    } finally {
      if (!done) {
        openPermits.release();
      }
    }
  }

  private static void checkOpenable(FileStat stat, Set<OpenFlag> flags, String name)
      throws PosixException {
    boolean directory = flags.contains(OpenFlag.O_DIRECTORY);
    if (stat.isSymlink() && !directory) {
      throw new PosixException(Errno.ELOOP, name + " is a symbolic link");
    }
    if (directory && !stat.isDirectory()) {
      throw new PosixException(Errno.ENOTDIR, name + " is not a directory");
    }
    if (stat.isDirectory() && !(directory && flags.contains(OpenFlag.O_RDONLY))) {
      throw new PosixException(Errno.EISDIR, name + " is a directory");
    }
    if (!stat.isDirectory() && !stat.isFile()) {
      throw new PosixException(Errno.ENXIO, name + " is a " + stat.type() + ": it has no bytes");
    }
  }

  public FileStat stat(String path) throws IOException {
    return lookup(Lookup.newBuilder().setLocation(location(path)));
  }

  /** Like {@link #stat}, but of a symbolic link itself. */
  public FileStat lstat(String path) throws IOException {
    return lookup(Lookup.newBuilder().setLocation(location(path)).setNoFollow(true));
  }

  /**
   * Asks whether this client's identity may do something; one without an identity may do all.
   *
   * @param mask {@link #READ}, {@link #WRITE}, {@link #EXECUTE}, or some of them together; 0:
   *     whether the file is there
   * @throws PosixException EACCES if it may not do all of it
   */
  public void access(String path, int mask) throws IOException {
    ask(
        Query.newBuilder()
            .setAccess(Access.newBuilder().setLocation(location(path)).setMask(mask)));
  }

  FileStat lookup(Lookup.Builder op) throws IOException {
    return FileStat.of(ask(Query.newBuilder().setLookup(op)).getAttributes());
  }

  public FileStat setattr(String path, AttributeChange change) throws IOException {
    return setattr(SetAttributes.newBuilder().setLocation(location(path)), change);
  }

  /** Like {@link #setattr}, but of a symbolic link itself. */
  public FileStat lsetattr(String path, AttributeChange change) throws IOException {
    return setattr(
        SetAttributes.newBuilder().setLocation(location(path)).setNoFollow(true), change);
  }

  FileStat setattr(SetAttributes.Builder op, AttributeChange change) throws IOException {
    return setattr(op, change, Session.ANY);
  }

  FileStat setattr(SetAttributes.Builder op, AttributeChange change, long only) throws IOException {
    change.mode().ifPresent(op::setMode);
    change.uid().ifPresent(op::setUid);
    change.gid().ifPresent(op::setGid);
    change.atimeMs().ifPresent(op::setAtimeMs);
    change.mtimeMs().ifPresent(op::setMtimeMs);
    change.atimeNs().ifPresent(op::setAtimeNs);
    change.mtimeNs().ifPresent(op::setMtimeNs);
    if (change.timesNow()) {
      // A cluster below feature level 3 knows given times only.
      long now = clock().millis();
      op.setNowAtime(true).setNowMtime(true).setAtimeMs(now).setMtimeMs(now);
    }
    return FileStat.of(
        mutate(Command.newBuilder().setSetAttributes(op), only, deadline()).getAttributes());
  }

  public void truncate(String path, long size) throws IOException {
    setattr(
        SetAttributes.newBuilder().setLocation(location(path)).setSize(size), AttributeChange.NONE);
  }

  /** Attributes of what a path names beside those of stat(2); a link at its end is followed. */
  public ExtendedAttributes xattrs(String path) {
    return ExtendedAttributes.of(this, location(path), false);
  }

  /** Like {@link #xattrs}, but of a symbolic link itself. */
  public ExtendedAttributes lxattrs(String path) {
    return ExtendedAttributes.of(this, location(path), true);
  }

  public void unlink(String path) throws IOException {
    unlink(location(path));
  }

  void unlink(Location location) throws IOException {
    mutate(Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(location)));
  }

  /** Moves a file or directory, atomically; replaces a file or an empty directory at {@code to}. */
  public void rename(String from, String to) throws IOException {
    rename(from, to, false);
  }

  /**
   * @param noReplace fail with EEXIST instead of replacing
   */
  public void rename(String from, String to, boolean noReplace) throws IOException {
    rename(location(from), location(to), noReplace);
  }

  void rename(Location from, Location to, boolean noReplace) throws IOException {
    mutate(
        Command.newBuilder()
            .setRename(Rename.newBuilder().setFrom(from).setTo(to).setNoReplace(noReplace)));
  }

  /**
   * Two names change what they name, atomically; files, directories and links alike.
   *
   * @throws PosixException ENOENT if one is missing, EINVAL if one is above the other, EPROTO below
   *     feature level 3
   */
  public void exchange(String first, String second) throws IOException {
    exchange(location(first), location(second));
  }

  void exchange(Location first, Location second) throws IOException {
    mutate(
        Command.newBuilder().setExchange(Exchange.newBuilder().setFirst(first).setSecond(second)));
  }

  /**
   * Gives a file one more name. A symbolic link at the end of {@code existing} is not followed: it
   * gets one itself.
   *
   * @throws PosixException EEXIST if the name is there, EPERM for a directory, EMLINK for too many
   *     names of a file, EPROTO below feature level 3
   */
  public void link(String existing, String name) throws IOException {
    link(existing, name, false);
  }

  /**
   * @param follow a symbolic link at the end of {@code existing} is followed
   */
  public void link(String existing, String name, boolean follow) throws IOException {
    link(location(existing), location(name), follow);
  }

  void link(Location existing, Location name, boolean follow) throws IOException {
    mutate(
        Command.newBuilder()
            .setLink(Link.newBuilder().setFrom(existing).setTo(name).setFollow(follow)));
  }

  /**
   * Gives an open file a name, its first one if it was made by {@link #createUnnamed}; one that
   * lost all its names gets one again. What was written to the handle before is durable and visible
   * first.
   *
   * @throws PosixException EBADF of a closed file; see {@link #link(String, String)}
   */
  public void link(SandFile file, String name) throws IOException {
    link(file, location(name));
  }

  void link(SandFile file, Location name) throws IOException {
    file.fsync();
    mutate(Command.newBuilder().setLink(Link.newBuilder().setInode(file.inode()).setTo(name)));
  }

  public void symlink(String target, String path) throws IOException {
    symlink(target, location(path));
  }

  FileStat symlink(String target, Location location) throws IOException {
    return made(
        Command.newBuilder()
            .setSymlink(Symlink.newBuilder().setLocation(location).setTarget(target)));
  }

  private FileStat made(Command.Builder command) throws IOException {
    return FileStat.of(mutate(command).getAttributes());
  }

  public String readlink(String path) throws IOException {
    return readlink(location(path));
  }

  String readlink(Location location) throws IOException {
    return readlink(ReadLink.newBuilder().setLocation(location));
  }

  String readlink(ReadLink.Builder op) throws IOException {
    return ask(Query.newBuilder().setReadLink(op)).getTarget();
  }

  /**
   * Makes a FIFO, a socket or a device, which the store keeps for whoever knows what to do with it:
   * {@link #open} refuses it with ENXIO.
   *
   * @param mode permission bits
   * @param device number of a device; 0 for others
   * @throws PosixException EEXIST if the name is there, EINVAL for a type that others make, EPROTO
   *     below feature level 3
   */
  public void makeNode(String path, FileStat.Type type, int mode, long device) throws IOException {
    makeNode(location(path), type, mode, device);
  }

  FileStat makeNode(Location location, FileStat.Type type, int mode, long device)
      throws IOException {
    return made(
        Command.newBuilder()
            .setMakeNode(
                MakeNode.newBuilder()
                    .setLocation(location)
                    .setType(type.wire())
                    .setMode(masked(mode))
                    .setDevice(device)));
  }

  // --- Directories ---

  /**
   * A directory by its inode, in which names are looked up however deep it lies.
   *
   * @throws PosixException ENOTDIR if it is none
   */
  public SandDirectory openDirectory(String path) throws IOException {
    return openDirectory(location(path), false);
  }

  SandDirectory openDirectory(Location location, boolean noFollow) throws IOException {
    FileStat stat = lookup(Lookup.newBuilder().setLocation(location).setNoFollow(noFollow));
    if (stat.isSymlink()) {
      throw new PosixException(Errno.ELOOP, location.getPath() + " is a symbolic link");
    }
    if (!stat.isDirectory()) {
      throw new PosixException(Errno.ENOTDIR, location.getPath() + " is not a directory");
    }
    return directory(stat.inode());
  }

  /** A directory whose inode is known, from a page of its parent for instance; asks nobody. */
  public SandDirectory directory(long inode) {
    return new SandDirectory(this, inode);
  }

  /** What has a number, whatever its names are; asks nobody. */
  public SandInode inode(long inode) {
    return new SandInode(this, inode);
  }

  public void mkdir(String path, int mode) throws IOException {
    mkdir(location(path), mode);
  }

  FileStat mkdir(Location location, int mode) throws IOException {
    return made(
        Command.newBuilder()
            .setMkdir(Mkdir.newBuilder().setLocation(location).setMode(masked(mode))));
  }

  /** Makes a directory and those above it, as far as they are missing. */
  public void mkdirs(String path) throws IOException {
    StringBuilder prefix = new StringBuilder();
    @Nullable PosixException exists = null; // whatever the last name is
    for (String name : path.split("/", -1)) {
      if (!name.isEmpty()) {
        prefix.append('/').append(name);
        try {
          exists = null;
          mkdir(prefix.toString(), 0755);
        } catch (PosixException e) {
          if (e.errno() != Errno.EEXIST) {
            throw e;
          }
          exists = e;
        }
      }
    }
    if (exists != null && !stat(prefix.toString()).isDirectory()) {
      throw exists;
    }
  }

  public void rmdir(String path) throws IOException {
    rmdir(location(path));
  }

  void rmdir(Location location) throws IOException {
    mutate(Command.newBuilder().setRmdir(Rmdir.newBuilder().setLocation(location)));
  }

  /**
   * A page of a directory, in the order of the names' bytes.
   *
   * @param after the last name of the page before; empty for the first page
   * @param limit at most this many entries, 1000 at most
   */
  public DirectoryPage readdir(String path, String after, int limit) throws IOException {
    return readdir(location(path), after, limit);
  }

  DirectoryPage readdir(Location location, String after, int limit) throws IOException {
    Answer answer =
        ask(
            Query.newBuilder()
                .setReadDirectory(
                    ReadDirectory.newBuilder()
                        .setLocation(location)
                        .setAfter(after)
                        .setLimit(limit)));
    return new DirectoryPage(
        answer.getEntriesList().stream()
            .map(e -> new DirectoryPage.Entry(e.getName(), FileStat.of(e.getAttributes())))
            .toList(),
        answer.getMore());
  }

  /** The whole directory; for very large ones, take pages instead. */
  public List<DirectoryPage.Entry> readdir(String path) throws IOException {
    List<DirectoryPage.Entry> all = new ArrayList<>();
    DirectoryPage page;
    do {
      page = readdir(path, all.isEmpty() ? "" : all.getLast().name(), 1000);
      all.addAll(page.entries());
    } while (page.more());
    return all;
  }

  /**
   * What changes in a directory from now on.
   *
   * @param recursive also anywhere below it
   */
  public ChangeFeed watch(String directory, boolean recursive) throws IOException {
    return new ChangeFeed(this, stat(directory).inode(), recursive, Optional.empty());
  }

  /**
   * What changed in a directory since a position.
   *
   * @param position {@link ChangeFeed#position} of an earlier feed of this cluster
   */
  public ChangeFeed watch(String directory, boolean recursive, String position) throws IOException {
    return new ChangeFeed(this, stat(directory).inode(), recursive, Optional.of(position));
  }

  // --- The cluster ---

  public FileSystemStats statfs() throws IOException {
    return ask(Query.newBuilder().setStatFs(StatFs.getDefaultInstance())).getStats();
  }

  /** A round trip to a node that does nothing for it: what the network and the framing take. */
  public void ping() throws IOException {
    try {
      clusterClient.call(Header.newBuilder().setPing(Ping.getDefaultInstance()), deadline());
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  /**
   * What every node says of itself, through the first of the known addresses that answers. Where
   * none does, the entries are those addresses, without a status.
   */
  public ClusterStatus status() throws IOException {
    ClusterStatus.Builder silent = ClusterStatus.newBuilder();
    for (RpcClient peer : clusterClient.peers()) {
      Header.Builder request =
          Header.newBuilder().setStatusRequest(StatusRequest.newBuilder().setAll(true));
      try (RpcClient operator = clusterClient.operator(peer.address());
          Frame answer = operator.call(request, clock().deadline(Duration.ofSeconds(3)))) {
        return answer.header().getClusterStatus();
      } catch (InterruptedException e) {
        throw interrupted(e);
      } catch (IOException e) {
        silent.addNodesBuilder().setName("?").setAddress(peer.address());
      }
    }
    return silent.build();
  }

  /**
   * Asks a node to hand over what it does for the others.
   *
   * @param toName who shall do it; empty: whoever is best prepared
   */
  public void askToStepAside(String address, String toName) throws IOException {
    Header.Builder request = Header.newBuilder().setStepAside(StepAside.newBuilder().setTo(toName));
    try (RpcClient operator = clusterClient.operator(address)) {
      operator.call(request, deadline()).close();
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  @Override
  public void close() throws IOException {
    closed.set(true);
    IOException failure = null;
    for (SandFile file : List.copyOf(open)) {
      try {
        file.close();
      } catch (IOException e) {
        failure = e;
      }
    }
    try {
      session.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    clusterClient.close();
    if (failure != null) {
      throw failure;
    }
  }

  // --- Shared with files ---

  Host host() {
    return host;
  }

  Clock clock() {
    return host.clock();
  }

  ClientConfig config() {
    return config;
  }

  ClusterClient clusterClient() {
    return clusterClient;
  }

  Session session() {
    return session;
  }

  /** The id of this client's session. */
  long openSession(Deadline deadline) throws IOException {
    try {
      return session.open(deadline);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  LockKeeper lockKeeper() {
    return lockKeeper;
  }

  /** Names one wait for a lock among those of this client. */
  long nextTicket() {
    return tickets.incrementAndGet();
  }

  boolean isClosed() {
    return closed.get();
  }

  Semaphore aheads() {
    return aheads;
  }

  Deadline deadline() {
    return clock().deadline(config.timeout());
  }

  WriteBuffers buffers() {
    return buffers;
  }

  private record Idle(SandFile file, int bytes) {}

  /** Sends the fullest buffer of an idle file, so that somebody who waits for one gets it. */
  void shipEarly(SandFile waits) {
    List<Idle> idle =
        open.stream()
            .filter(file -> file != waits)
            .map(file -> new Idle(file, file.idleBytes()))
            .filter(file -> file.bytes > 0)
            .sorted(Comparator.comparingInt(Idle::bytes).reversed())
            .toList();
    for (Idle file : idle) {
      if (file.file.shipEarly()) {
        return;
      }
    }
  }

  /**
   * A permit to read a chunk ahead. When there is none, readers that hold more than their share
   * give some back, and those that are idle all.
   */
  boolean mayReadAhead(SandFile reader) {
    if (aheads.tryAcquire()) {
      return true;
    }
    List<SandFile> holders =
        open.stream().filter(file -> file != reader && file.aheadHeld() > 0).toList();
    int share = Math.max(1, host.buffers().size() / 2 / (holders.size() + 1));
    for (SandFile holder : holders) {
      holder.shareAhead(share);
      if (aheads.tryAcquire()) {
        return true;
      }
    }
    return false;
  }

  void forget(SandFile file) {
    if (open.remove(file)) {
      openPermits.release();
    }
  }

  Outcome mutate(Command.Builder command) throws IOException {
    return mutate(command, Session.ANY, deadline());
  }

  /**
   * @param only the session under which it is done or not at all; {@link Session#ANY}: whichever
   */
  Outcome mutate(Command.Builder command, long only, Deadline deadline) throws IOException {
    try {
      Mutate.Builder request = Mutate.newBuilder().setCommand(command);
      credentials.ifPresent(request::setCredentials);
      return session.apply(request, only, deadline);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  Answer ask(Query.Builder query) throws IOException {
    try {
      return askInterruptibly(query);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  Answer askInterruptibly(Query.Builder query) throws IOException, InterruptedException {
    Ask.Builder ask = Ask.newBuilder().setQuery(query);
    credentials.ifPresent(ask::setCredentials);
    return checked(clusterClient.call(Header.newBuilder().setAsk(ask), deadline()).getAnswer());
  }

  private static Answer checked(Answer answer) throws PosixException {
    if (answer.hasFault()) {
      throw PosixException.of(answer.getFault());
    }
    return answer;
  }

  static InterruptedIOException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    InterruptedIOException wrapped = new InterruptedIOException("interrupted");
    wrapped.initCause(e);
    return wrapped;
  }

  private int masked(int mode) {
    return identity.map(who -> mode & ~who.umask()).orElse(mode);
  }

  static Location location(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  /** Sees to open files now and then, as long as there are any. */
  private void tendOpenFiles() {
    if (tending.compareAndSet(false, true)) {
      host.threads().start("tend open files", this::tendLoop);
    }
  }

  private void tendLoop() {
    try {
      for (long round = 1; !closed.get() && !open.isEmpty(); round++) {
        clock().sleep(SETTLE_AFTER);
        long shippedBefore = clock().nanos() - SETTLE_AFTER.toNanos();
        for (SandFile file : open) {
          if (file.hasShipped()) {
            host.threads().start("settle", () -> file.settleShippedBefore(shippedBefore));
          }
        }
        if (round % 2 == 0 && retaining.compareAndSet(false, true)) {
          host.threads().start("retain open files", this::retainOpenFiles);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      tending.set(false);
      if (!closed.get() && !open.isEmpty()) {
        tendOpenFiles(); // one was opened after the last look
      }
    }
  }

  /**
   * Tells the cluster which files are open, so that one that is unlinked meanwhile stays readable
   * here, as POSIX has it, and which blocks may still be named. Costs a round trip for each 4,096.
   */
  private void retainOpenFiles() {
    try {
      List<Long> inodes = open.stream().map(SandFile::inode).distinct().sorted().toList();
      for (int from = 0; from < inodes.size() && !closed.get(); from += RETAINED_PER_REQUEST) {
        int to = Math.min(inodes.size(), from + RETAINED_PER_REQUEST);
        retain(inodes.subList(from, to));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      retaining.set(false);
    }
  }

  private void retain(List<Long> inodes) throws InterruptedException {
    long lowest =
        open.stream().flatMapToLong(file -> file.lowestUnnamed().stream()).min().orElse(0);
    RetainOrphans retain =
        RetainOrphans.newBuilder()
            .addAllInodes(inodes)
            .setHolder(holder)
            .setLowestBlock(lowest)
            .build();
    try {
      clusterClient.call(
          Header.newBuilder()
              .setMutate(
                  Mutate.newBuilder().setCommand(Command.newBuilder().setRetainOrphans(retain))),
          clock().deadline(RETAIN_EVERY));
    } catch (IOException e) {
      // The next round tries again, well before the files' time is up.
    }
  }
}
