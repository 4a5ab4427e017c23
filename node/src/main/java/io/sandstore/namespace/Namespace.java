package io.sandstore.namespace;

import com.google.protobuf.ByteString;
import io.sandstore.replication.BlockSink;
import io.sandstore.replication.Catalog;
import io.sandstore.replication.StateMachine;
import io.sandstore.replication.Whereabouts;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Attributes;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Credentials;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;
import io.sandstore.wire.Member;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.RaiseLevel;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The file system's state machine. The same commands in the same order give the same tree, the same
 * outcomes and the same garbage on every member; time comes with the commands.
 *
 * <p>One thread applies; any thread reads. Readers see whole batches, never a part of one.
 */
public final class Namespace implements StateMachine, Catalog {

  /** Longest file. Leaves room for offset arithmetic. */
  public static final long FILE_BYTES_MAX = 1L << 60;

  /** Longest write that travels in the log. */
  public static final int INLINE_BYTES_MAX = 64 << 10;

  /** Most pieces that one command merges. */
  public static final int MERGE_PIECES_MAX = 1000;

  private final BlockSink sink;
  private final Optional<Executor> other;
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  final Blocks blocks;
  final Extents extents;
  final Tree tree = new Tree();
  final Locks locks = new Locks();
  final Sessions sessions = new Sessions(locks::endSession);
  final FrozenMap<Long, Long> orphans = new FrozenMap<>(Weights::orphan);
  final Xattrs xattrs = new Xattrs(tree);
  private final Contents contents;
  private final Names names;
  private final CacheFiles cache;
  final Changes changes = new Changes();
  final LockCommands lockCommands = new LockCommands(this);
  private final LockWaits lockWaits = new LockWaits();
  private final Queries queries = new Queries(this);
  ClusterTime time = ClusterTime.UNKNOWN;

  /** On whose behalf the command is that is being applied. */
  Access caller = Access.unchecked();

  private final FeatureLevel known;
  volatile FeatureLevel level;

  /** As of the last batch. */
  private volatile long heapBytes;

  /**
   * Of a cluster that began before there were feature levels, on one thread.
   *
   * @param sink takes small writes and garbage
   * @param whereabouts of the plane behind it
   */
  public Namespace(BlockSink sink, Whereabouts whereabouts) {
    this(sink, whereabouts, FeatureLevel.newest(), FeatureLevel.BEFORE_LEVELS, Optional.empty());
  }

  /**
   * @param known highest feature level that this member carries out
   * @param founded at which the log begins
   * @param other runs what can be done beside the caller's thread while a snapshot is read
   */
  public Namespace(
      BlockSink sink,
      Whereabouts whereabouts,
      FeatureLevel known,
      FeatureLevel founded,
      Optional<Executor> other) {
    this.sink = sink;
    this.blocks = new Blocks(whereabouts);
    this.extents = new Extents(blocks);
    this.contents = new Contents(this, sink);
    this.names = new Names(this, contents);
    this.cache = new CacheFiles(this, names);
    this.known = known;
    this.level = founded;
    this.other = other;
    tree.format();
    tree.setPosix(isPosix());
  }

  /** What came with {@link FeatureLevel#POSIX} is in force. */
  boolean isPosix() {
    return level.includes(FeatureLevel.POSIX);
  }

  /** True of a file without a name that is not being reaped. */
  private boolean isKeptOrphan(long inode) {
    return orphans.get(inode) != null && (!isPosix() || tree.inodes.get(inode) != null);
  }

  /** Everything that is kept of a file but its bytes. */
  void remove(long inode) {
    tree.inodes.remove(inode);
    xattrs.removeAll(inode);
    locks.removeFile(inode);
  }

  // --- Driven by the log ---

  /**
   * @throws LaterReleaseException if it holds what only a later release knows; nothing of it was
   *     applied, and nothing may be any more
   */
  @Override
  public List<Outcome> apply(long index, Batch batch) {
    requireKnown(index, batch);
    List<Outcome> outcomes = new ArrayList<>(batch.getCommandsCount());
    List<Long> garbage;
    List<Keys.Request> waitsEnded;
    lock.writeLock().lock();
    try {
      time = time.after(batch);
      for (Command command : batch.getCommandsList()) {
        changes.at(index, outcomes.size() + 1);
        outcomes.add(apply(command));
      }
      garbage = blocks.takeReleased();
      waitsEnded = locks.takeEnded();
      weigh();
    } finally {
      lock.writeLock().unlock();
    }
    changes.tell();
    waitsEnded.forEach(lockWaits::ended);
    if (contents.takeStaged()) {
      try {
        sink.writeStaged();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    if (!garbage.isEmpty()) {
      sink.release(garbage);
    }
    return outcomes;
  }

  private void requireKnown(long index, Batch batch) {
    for (Command command : batch.getCommandsList()) {
      int needed =
          raises(command) ? command.getRaiseLevel().getLevel() : FeatureLevel.of(command).number();
      if (needed > known.number()) {
        throw new LaterReleaseException(
            "entry %d: %s"
                .formatted(index, FeatureLevel.tooOld("this node", known.number(), needed)));
      }
      // Without any field it is one of no release, which all refuse alike.
      boolean empty = command.getUnknownFields().asMap().isEmpty();
      if (command.getOpCase() == Command.OpCase.OP_NOT_SET && !empty) {
        throw new LaterReleaseException(
            "entry %d has a command that this release does not know (field %s): a later one is needed"
                .formatted(index, command.getUnknownFields().asMap().keySet()));
      }
    }
  }

  /**
   * Why a command must not get into the log while the cluster is at its feature level, or with what
   * this member knows; empty if it may.
   */
  public Optional<Fault> tooEarly(Command command) {
    FeatureLevel needed = FeatureLevel.of(command);
    FeatureLevel now = level();
    if (!now.includes(needed)) {
      return Optional.of(above(now, needed).fault());
    }
    if (command.getRaiseLevel().getLevel() > known.number()) {
      return Optional.of(
          new Refused(Errno.EPROTO, "no such feature level: " + command.getRaiseLevel().getLevel())
              .fault());
    }
    return Optional.empty();
  }

  static Refused above(FeatureLevel now, FeatureLevel needed) {
    return new Refused(
        Errno.EPROTO,
        "the cluster is at feature level %d, this needs %d"
            .formatted(now.number(), needed.number()));
  }

  private void weigh() {
    heapBytes =
        tree.inodes.bytes()
            + tree.dentries.bytes()
            + extents.runs.bytes()
            + blocks.blocks.bytes()
            + sessions.sessions.bytes()
            + sessions.outcomes.bytes()
            + locks.files.bytes()
            + orphans.bytes()
            + xattrs.values.bytes();
  }

  /** About how much of the heap the state takes, whatever else is garbage there. */
  public long heapBytes() {
    return heapBytes;
  }

  private Outcome apply(Command command) {
    try {
      CommandCheck.checkNumbering(command);
      if (command.getSession() == 0) {
        return execute(command);
      }
      return sessions.admit(command, time.ageMs()).orElseGet(() -> executeOnce(command));
    } catch (Refused refused) {
      return fault(refused);
    }
  }

  private Outcome executeOnce(Command command) {
    Outcome outcome;
    try {
      outcome = execute(command);
    } catch (Refused refused) {
      outcome = fault(refused);
    }
    sessions.remember(command, outcome);
    return outcome;
  }

  private static Outcome fault(Refused refused) {
    return Outcome.newBuilder().setFault(refused.fault()).build();
  }

  private Outcome execute(Command command) {
    CommandCheck.checkOperation(command);
    FeatureLevel needed = FeatureLevel.of(command);
    if (!level.carriesOut(needed)) {
      throw above(level, needed);
    }
    caller = caller(command.hasCredentials(), command.getCredentials());
    return switch (command.getOpCase()) {
      case CREATE -> names.create(command.getCreate());
      case CREATE_UNNAMED -> names.createUnnamed(command.getCreateUnnamed());
      case MKDIR -> names.mkdir(command.getMkdir());
      case SYMLINK -> names.symlink(command.getSymlink());
      case MAKE_NODE -> names.makeNode(command.getMakeNode());
      case LINK -> names.link(command.getLink());
      case UNLINK -> names.unlink(command.getUnlink().getLocation());
      case RMDIR -> names.rmdir(command.getRmdir().getLocation());
      case RENAME -> names.rename(command.getRename());
      case EXCHANGE -> names.exchange(command.getExchange());
      case SET_XATTR -> {
        Inode changed =
            xattrs.set(
                command.getSetXattr(), time.dateMs(), caller, level.includes(FeatureLevel.CACHE));
        changes.attributes(changed);
        yield attributes(changed);
      }
      case ALLOCATE -> contents.allocate(command.getAllocate());
      case LOCK_FILE -> lockCommands.lock(command);
      case CANCEL_LOCK -> lockCommands.cancel(command);
      case KEEP_SESSION -> Outcome.getDefaultInstance(); // that it came keeps it
      case EXPIRE_LOCKS -> lockCommands.expire(command.getExpireLocks());
      case SET_ATTRIBUTES -> contents.setAttributes(command.getSetAttributes());
      case WRITE -> contents.write(command.getWrite());
      case COPY_RANGE -> contents.copyRange(command.getCopyRange());
      case RETAIN_ORPHANS -> {
        for (long inode : command.getRetainOrphans().getInodesList()) {
          if (isKeptOrphan(inode)) {
            orphans.put(inode, time.ageMs());
          }
        }
        yield Outcome.getDefaultInstance();
      }
      case OPEN_SESSION -> value(sessions.open(command.getOpenSession().getNonce(), time.ageMs()));
      case CLOSE_SESSION -> {
        var op = command.getCloseSession();
        sessions.close(op.getSession(), op.getNonce());
        yield Outcome.getDefaultInstance();
      }
      case ALLOCATE_BLOCKS -> value(blocks.allocate(command.getAllocateBlocks().getCount()));
      case RAISE_BLOCK_FLOOR -> {
        blocks.raiseFloor(command.getRaiseBlockFloor().getFloor());
        yield value(blocks.floor);
      }
      case ADD_HOLDER -> {
        var op = command.getAddHolder();
        blocks.addHolder(op.getMember(), op.getBlocksList());
        yield Outcome.getDefaultInstance();
      }
      case EXPIRE_SESSIONS -> {
        sessions.expire(command.getExpireSessions().getUnusedSinceMs());
        yield Outcome.getDefaultInstance();
      }
      case EVICT -> cache.evict(command.getEvict());
      case MERGE -> contents.merge(command.getMerge());
      case REAP_ORPHANS -> value(contents.reap(command.getReapOrphans().getUnusedSinceMs()));
      case RAISE_LEVEL -> raise(command.getRaiseLevel());
      case OP_NOT_SET -> throw new Refused(Errno.EPROTO, "a command of another release");
    };
  }

  /** Below the feature level it does not matter who asks. */
  Access caller(boolean named, Credentials credentials) {
    return named && isPosix() ? Access.of(credentials) : Access.unchecked();
  }

  static Outcome value(long value) {
    return Outcome.newBuilder().setValue(value).build();
  }

  static Outcome attributes(Inode inode) {
    return Outcome.newBuilder().setAttributes(inode.attributes()).build();
  }

  // --- The cluster ---

  private Outcome raise(RaiseLevel op) {
    if (!namesTheMembers(op)) {
      throw new Refused(Errno.EAGAIN, "the members are others by now");
    }
    FeatureLevel raised = FeatureLevel.numbered(op.getLevel()).orElseThrow();
    level = level.includes(raised) ? level : raised;
    tree.setPosix(isPosix());
    return value(level.number());
  }

  /** False of one that every release refuses. */
  private boolean raises(Command command) {
    return command.hasRaiseLevel()
        && CommandCheck.isInOrder(command)
        && namesTheMembers(command.getRaiseLevel());
  }

  private boolean namesTheMembers(RaiseLevel op) {
    return new HashSet<>(op.getMembersList())
        .equals(
            blocks.configuration().getMembersList().stream()
                .map(Member::getId)
                .collect(Collectors.toSet()));
  }

  @Override
  public void configure(Configuration configuration) {
    lock.writeLock().lock();
    try {
      blocks.configure(configuration);
    } finally {
      lock.writeLock().unlock();
    }
  }

  // --- Snapshots ---

  @Override
  public void force() throws IOException {
    sink.force();
  }

  @Override
  public Frozen freeze() {
    lock.writeLock().lock();
    try {
      return new NamespaceSnapshot(this, lock, sink);
    } finally {
      lock.writeLock().unlock();
    }
  }

  /**
   * @throws IOException if it cannot be read, or is of a cluster at a feature level that this
   *     member does not know
   */
  @Override
  public void restore(InputStream snapshot) throws IOException {
    lock.writeLock().lock();
    try {
      new SnapshotLoader(this, other).load(snapshot);
      changes.forget();
      weigh();
      locks.takeEnded();
    } finally {
      lock.writeLock().unlock();
    }
    lockWaits.allEnded();
    sink.restored();
  }

  // --- Reading ---

  /** Answers a query from the state as it is here; the caller has passed a read barrier. */
  public Answer ask(Query query) {
    return ask(Ask.newBuilder().setQuery(query).build());
  }

  /** Answers what somebody asks: below the feature level it does not matter who. */
  public Answer ask(Ask ask) {
    return reading(n -> queries.answer(ask));
  }

  /** Completed when names or files have changed after this call. */
  public CompletableFuture<Boolean> nextChange() {
    return changes.next();
  }

  /** False while there is no position of the log to watch from: nothing was applied here yet. */
  public boolean canBeWatched() {
    return reading(n -> n.changes.hasBegun());
  }

  /** Which of these files have no name any more and would be removed unless retained. */
  public List<Long> orphansAmong(List<Long> inodes) {
    return reading(n -> inodes.stream().filter(n::isKeptOrphan).toList());
  }

  /** The cluster's age, by which it says when something was used: no wall clock moves it. */
  public long ageMs() {
    return reading(n -> n.time.ageMs());
  }

  /** What all members are sure to know. */
  public FeatureLevel level() {
    return level;
  }

  /** Clients that are remembered. */
  public int sessionCount() {
    return reading(n -> n.sessions.sessions.live.size());
  }

  /** True if a {@code ReapOrphans} with this time would do something. */
  public boolean anyOrphanUnusedSince(long timeMs) {
    return reading(n -> n.orphans.live.values().stream().anyMatch(used -> used < timeMs));
  }

  /** True if there is a mark of a cache anywhere. */
  public boolean hasCache() {
    return reading(n -> !n.xattrs.marked.isEmpty());
  }

  /** Looks at some more names for files of a cache. */
  public CacheFiles.Page cacheFiles(CacheFiles.Position after, int look) {
    return reading(n -> n.cache.page(after, look));
  }

  /** The date of the last command. */
  public long dateMs() {
    return reading(n -> n.time.dateMs());
  }

  /** True if an {@code ExpireLocks} with this time would do something. */
  public boolean anyLockUnusedSince(long timeMs) {
    return reading(n -> n.sessions.anyUnusedSince(timeMs, n.locks::isUsedBy));
  }

  /**
   * Completes when a wait for a lock ends as far as this member knows, or may have; at once if it
   * is not known here. To be given back by {@link #forgetWait}.
   */
  public CompletableFuture<Boolean> waitEnds(long inode, long session, long ticket) {
    CompletableFuture<Boolean> ends = lockWaits.add(new Keys.Request(session, ticket));
    if (!reading(n -> n.locks.isWaiting(inode, session, ticket))) {
      ends.complete(true);
    }
    return ends;
  }

  public void forgetWait(long session, long ticket, CompletableFuture<Boolean> ends) {
    lockWaits.remove(new Keys.Request(session, ticket), ends);
  }

  public boolean anySessionUnusedSince(long timeMs) {
    return reading(n -> n.sessions.anyUnusedSince(timeMs));
  }

  @Override
  public OptionalLong where(long block) {
    return reading(
        n -> {
          Keys.Block found = n.blocks.blocks.get(block);
          return found == null ? OptionalLong.empty() : OptionalLong.of(found.where());
        });
  }

  /** Length of a referenced block, or 0. */
  @Override
  public int blockLength(long block) {
    return reading(
        n -> {
          Keys.Block found = n.blocks.blocks.get(block);
          return found == null ? 0 : found.length();
        });
  }

  /** Referenced blocks after a given one, in order: for walking over all in pages. */
  @Override
  public List<Long> blocksAfter(long block, int atMost) {
    return reading(
        n -> n.blocks.blocks.live.tailMap(block, false).keySet().stream().limit(atMost).toList());
  }

  /** A run of a file's bytes in one block. */
  public record Piece(long inode, long offset, int length, long block, int blockOffset) {
    public long end() {
      return offset + length;
    }
  }

  /** Pieces of files from a position on, in order: for walking over all in pages. */
  public List<Piece> piecesFrom(long inode, long offset, int atMost) {
    return reading(
        n ->
            n.extents.runs.live.tailMap(new Keys.Offset(inode, offset), true).entrySet().stream()
                .limit(atMost)
                .map(
                    e ->
                        new Piece(
                            e.getKey().inode(),
                            e.getKey().offset(),
                            e.getValue().length(),
                            e.getValue().block(),
                            e.getValue().blockOffset()))
                .toList());
  }

  /** Blocks with fewer holders than they should have, after a given one, in order. */
  @Override
  public List<Long> underReplicatedAfter(long block, int atMost) {
    return reading(
        n -> n.blocks.underReplicated().tailSet(block, false).stream().limit(atMost).toList());
  }

  /** Unreferenced blocks below this id are garbage for ever. */
  @Override
  public long blockFloor() {
    return reading(n -> n.blocks.floor);
  }

  /** True while a snapshot is being written. */
  public boolean isFrozen() {
    return reading(n -> n.tree.inodes.isFrozen() || n.orphans.isFrozen());
  }

  public long underReplicatedCount() {
    return reading(n -> (long) n.blocks.underReplicated().size());
  }

  @Override
  public Configuration configuration() {
    return reading(n -> n.blocks.configuration());
  }

  /** Attributes of a file by inode, for checks; the default instance if there is none. */
  public Attributes attributesOf(long inode) {
    return reading(
        n -> {
          Inode found = n.tree.inodes.get(inode);
          return found == null ? Attributes.getDefaultInstance() : found.attributes();
        });
  }

  /** Equal for equal states. Takes time in proportion to the state. */
  public long digest() {
    return reading(NamespaceSnapshot::digest);
  }

  /** What a client's request came to, for as long as that is remembered. */
  public interface Remembered {
    void outcome(long session, long sequence, ByteString outcome);
  }

  /** Tells of every request whose outcome is remembered. */
  public void forEachOutcome(Remembered remembered) {
    lock.readLock().lock();
    try {
      sessions.outcomes.live.forEach(
          (request, outcome) -> remembered.outcome(request.session(), request.sequence(), outcome));
    } finally {
      lock.readLock().unlock();
    }
  }

  /** A snapshot's feature level. */
  void restoreLevel(int number) throws IOException {
    level =
        FeatureLevel.numbered(number)
            .filter(known::includes)
            .orElseThrow(
                () ->
                    new IOException(
                        "the snapshot: "
                            + FeatureLevel.tooOld("this node", known.number(), number)));
    tree.setPosix(isPosix());
  }

  private <T> T reading(Function<Namespace, T> read) {
    lock.readLock().lock();
    try {
      return read.apply(this);
    } finally {
      lock.readLock().unlock();
    }
  }
}
