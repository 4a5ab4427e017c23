package io.sandstore.namespace;

import io.sandstore.host.Frame;
import io.sandstore.replication.Configurations;
import io.sandstore.wire.AddHolder;
import io.sandstore.wire.Allocate;
import io.sandstore.wire.Command;
import io.sandstore.wire.CopyRange;
import io.sandstore.wire.Credentials;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Evict;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Fault;
import io.sandstore.wire.Location;
import io.sandstore.wire.LockFile;
import io.sandstore.wire.MakeNode;
import io.sandstore.wire.Merge;
import io.sandstore.wire.NewExtent;
import io.sandstore.wire.RaiseLevel;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.SetXattr;
import io.sandstore.wire.Write;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which commands no state of the namespace can take, whatever is in it: each field of each command
 * is looked at here and nowhere else. Asked twice: where a command enters a node, so that nonsense
 * never gets into the log, and where it is applied, because a log may hold what another release let
 * in.
 *
 * <p>A rule looks at the command and at nothing else, so that every replica comes to the same
 * verdict, also about an old entry that is applied again. Fields that are not named here may hold
 * anything: permission bits are cut to those that exist; owners and times are kept as they come.
 */
public final class CommandCheck {

  /** Files that one {@code RetainOrphans} may name. */
  static final int RETAINED_MAX = 4096;

  /** Files that one {@code Evict} may name. */
  public static final int EVICTED_MAX = 1000;

  /** Extents that one {@code Write} may name. */
  static final int EXTENTS_MAX = 8192;

  /** Ids that one {@code AllocateBlocks} may take. */
  static final int ALLOCATED_MAX = 1 << 20;

  /** Blocks that one {@code AddHolder} may name. */
  static final int ADOPTED_MAX = 4096;

  /** Groups that a caller may be in, besides its first. */
  static final int GROUPS_MAX = 1024;

  /** Of the type of ids, and of none: calls that change owners say with it that one stays. */
  private static final int NO_ID = -1;

  private static final int TARGET_BYTES_MAX = 4095;
  private static final int LEVEL_MAX = 1 << 16;

  private CommandCheck() {}

  /** Why a command must not get into the log; empty if it may. */
  public static Optional<Fault> fault(Command command) {
    try {
      checkFields(command);
      checkNumbering(command);
      checkOperation(command);
      return Optional.empty();
    } catch (Refused refused) {
      return Optional.of(refused.fault());
    }
  }

  /** Why nobody can be the one that these name; empty if somebody can. */
  public static Optional<Fault> fault(Credentials credentials) {
    try {
      check(credentials);
      return Optional.empty();
    } catch (Refused refused) {
      return Optional.of(refused.fault());
    }
  }

  /** False of a command that is refused wherever it applies, by every release. */
  static boolean isInOrder(Command command) {
    try {
      checkNumbering(command);
      checkOperation(command);
      return true;
    } catch (Refused refused) {
      return false;
    }
  }

  /** Two operations in one: this release would carry out one of them, and a later one the other. */
  private static void checkFields(Command command) {
    if (!command.getUnknownFields().asMap().isEmpty()) {
      throw new Refused(Errno.EPROTO, "a command of another release");
    }
  }

  /** True for what nodes propose by themselves and never on behalf of a client. */
  public static boolean isOfNodes(Command command) {
    return switch (command.getOpCase()) {
      case ALLOCATE_BLOCKS,
          RAISE_BLOCK_FLOOR,
          ADD_HOLDER,
          EXPIRE_SESSIONS,
          EXPIRE_LOCKS,
          REAP_ORPHANS,
          EVICT,
          MERGE,
          RAISE_LEVEL ->
          true;
      case CREATE,
          MKDIR,
          SYMLINK,
          UNLINK,
          RMDIR,
          RENAME,
          LINK,
          MAKE_NODE,
          SET_XATTR,
          EXCHANGE,
          ALLOCATE,
          COPY_RANGE,
          CREATE_UNNAMED,
          LOCK_FILE,
          CANCEL_LOCK,
          KEEP_SESSION,
          SET_ATTRIBUTES,
          WRITE,
          RETAIN_ORPHANS,
          OPEN_SESSION,
          CLOSE_SESSION,
          OP_NOT_SET ->
          false;
    };
  }

  /** Whose request it is, and which one. */
  static void checkNumbering(Command command) {
    boolean numbered = command.getSession() != 0;
    if (numbered && (command.getSession() < 0 || command.getSequence() <= 0)) {
      throw new Refused(Errno.EINVAL, "sessions and their requests are counted from 1");
    }
    long below = command.getAcknowledgedBelow();
    if (numbered && (below < 0 || below > command.getSequence())) {
      throw new Refused(Errno.EINVAL, "a request cannot be acknowledged before it is answered");
    }
  }

  /** What is to be done. A command that is new and not judged here does not compile. */
  static void checkOperation(Command command) {
    switch (command.getOpCase()) {
      case CREATE -> check(command.getCreate().getLocation());
      case MKDIR -> check(command.getMkdir().getLocation());
      case SYMLINK -> {
        check(command.getSymlink().getLocation());
        checkTarget(command.getSymlink().getTarget());
      }
      case UNLINK -> check(command.getUnlink().getLocation());
      case RMDIR -> check(command.getRmdir().getLocation());
      case RENAME -> {
        check(command.getRename().getFrom());
        check(command.getRename().getTo());
      }
      case LINK -> {
        check(command.getLink().getInode(), command.getLink().getFrom());
        check(command.getLink().getTo());
      }
      case MAKE_NODE -> check(command.getMakeNode());
      case SET_XATTR -> check(command.getSetXattr());
      case EXCHANGE -> {
        check(command.getExchange().getFirst());
        check(command.getExchange().getSecond());
      }
      case ALLOCATE -> check(command.getAllocate());
      case COPY_RANGE -> check(command.getCopyRange());
      case CREATE_UNNAMED -> check(command.getCreateUnnamed().getDirectory());
      case LOCK_FILE -> {
        checkSession(command);
        check(command.getLockFile());
      }
      case CANCEL_LOCK -> {
        checkSession(command);
        checkId("inode", command.getCancelLock().getInode());
      }
      case KEEP_SESSION -> checkSession(command);
      case SET_ATTRIBUTES -> check(command.getSetAttributes());
      case WRITE -> check(command.getWrite());
      case RETAIN_ORPHANS -> check(command.getRetainOrphans());
      case OPEN_SESSION -> {} // any nonce is as good as another
      case CLOSE_SESSION -> checkId("session", command.getCloseSession().getSession());
      case ALLOCATE_BLOCKS ->
          checkCount("new blocks", command.getAllocateBlocks().getCount(), 1, ALLOCATED_MAX);
      case RAISE_BLOCK_FLOOR -> checkId("block", command.getRaiseBlockFloor().getFloor());
      case ADD_HOLDER -> check(command.getAddHolder());
      case EXPIRE_SESSIONS -> checkTime(command.getExpireSessions().getUnusedSinceMs());
      case EXPIRE_LOCKS -> checkTime(command.getExpireLocks().getUnusedSinceMs());
      case REAP_ORPHANS -> checkTime(command.getReapOrphans().getUnusedSinceMs());
      case EVICT -> check(command.getEvict());
      case MERGE -> check(command.getMerge());
      case RAISE_LEVEL -> check(command.getRaiseLevel());
      case OP_NOT_SET -> throw new Refused(Errno.EPROTO, "a command of another release");
    }
  }

  static void check(Credentials credentials) {
    checkCount("groups", credentials.getGroupsCount(), 0, GROUPS_MAX);
    boolean isNobody =
        credentials.getUid() == NO_ID
            || credentials.getGid() == NO_ID
            || credentials.getGroupsList().contains(NO_ID);
    if (isNobody) {
      throw new Refused(Errno.EINVAL, "no such user or group: " + Integer.toUnsignedString(NO_ID));
    }
  }

  private static void check(Location location) {
    if (location.getBase() < 0) {
      throw new Refused(Errno.EINVAL, "no such directory: " + location.getBase());
    }
    Tree.checkPath(location.getPath());
  }

  /** An open file, or else a path. */
  private static void check(long inode, Location location) {
    if (inode == 0) {
      check(location);
    } else {
      checkId("inode", inode);
    }
  }

  private static void check(MakeNode op) {
    check(op.getLocation());
    switch (op.getType()) {
      case REGULAR, FIFO, SOCKET, CHARACTER_DEVICE, BLOCK_DEVICE -> {}
      case DIRECTORY, SYMLINK, FILE_TYPE_UNKNOWN, UNRECOGNIZED ->
          throw new Refused(Errno.EINVAL, "not a type of nodes: " + op.getTypeValue());
    }
  }

  private static void check(SetXattr op) {
    check(op.getInode(), op.getLocation());
    Xattrs.checkName(op.getName());
    if (op.getValue().size() > Xattrs.VALUE_BYTES_MAX) {
      throw new Refused(Errno.E2BIG, "a value over " + Xattrs.VALUE_BYTES_MAX + " bytes");
    }
  }

  private static void check(Allocate op) {
    checkId("inode", op.getInode());
    checkRange(op.getOffset(), op.getLength());
    if (op.getLength() == 0) {
      throw new Refused(Errno.EINVAL, "nothing to allocate");
    }
    if (op.getHow() == Allocate.How.UNRECOGNIZED) {
      throw new Refused(Errno.EOPNOTSUPP, "not a way to allocate: " + op.getHowValue());
    }
  }

  private static void check(CopyRange op) {
    checkId("inode", op.getSource());
    checkId("inode", op.getTarget());
    checkRange(op.getSourceOffset(), op.getLength());
    checkRange(op.getTargetOffset(), op.getLength());
  }

  private static void checkTarget(String target) {
    if (target.isEmpty() || target.indexOf('\0') >= 0) {
      throw new Refused(Errno.EINVAL, "a symbolic link needs a target");
    }
    if (target.getBytes(StandardCharsets.UTF_8).length > TARGET_BYTES_MAX) {
      throw new Refused(Errno.ENAMETOOLONG, "target over " + TARGET_BYTES_MAX + " bytes");
    }
  }

  private static void checkSession(Command command) {
    if (command.getSession() == 0) {
      throw new Refused(Errno.EINVAL, "locks belong to sessions");
    }
  }

  private static void check(LockFile op) {
    checkId("inode", op.getInode());
    if (op.getHow() == LockFile.How.UNRECOGNIZED) {
      throw new Refused(Errno.EPROTO, "a way to lock of another release");
    }
    if (LockCommands.isNoRange(op.getStart(), op.getLength())) {
      throw new Refused(Errno.EINVAL, "not a range of a file");
    }
  }

  private static void check(SetAttributes op) {
    check(op.getInode(), op.getLocation());
    if (op.hasSize()) {
      checkRange(op.getSize(), 0);
    }
  }

  private static void check(Write op) {
    checkId("inode", op.getInode());
    checkCount("extents", op.getExtentsCount(), 0, EXTENTS_MAX);
    Set<Long> blocks = new HashSet<>();
    for (NewExtent extent : op.getExtentsList()) {
      checkId("block", extent.getBlock());
      checkCount("bytes of an extent", extent.getLength(), 1, Frame.PAYLOAD_BYTES_MAX);
      checkRange(extent.getOffset(), extent.getLength());
      if (extent.getWhere() == 0) {
        throw new Refused(Errno.EINVAL, "nobody holds block " + extent.getBlock());
      }
      if (!blocks.add(extent.getBlock())) {
        throw new Refused(Errno.EINVAL, "block " + extent.getBlock() + " is named twice");
      }
    }
    checkCount("bytes in the log", op.getInlineData().size(), 0, Namespace.INLINE_BYTES_MAX);
    checkRange(op.getInlineOffset(), op.getInlineData().size());
  }

  private static void check(RetainOrphans op) {
    checkCount("files", op.getInodesCount(), 0, RETAINED_MAX);
    checkIds("inode", op.getInodesList());
    if (op.getLowestBlock() < 0) {
      throw new Refused(Errno.EINVAL, "no such block: " + op.getLowestBlock());
    }
  }

  private static void check(Evict op) {
    checkCount("files", op.getEntriesCount(), 1, EVICTED_MAX);
    for (Evict.Entry entry : op.getEntriesList()) {
      checkId("directory", entry.getDirectory());
      checkId("inode", entry.getInode());
      checkRange(entry.getSize(), 0);
      if (entry.getName().isEmpty() || entry.getName().length() > Tree.NAME_BYTES_MAX) {
        throw new Refused(Errno.EINVAL, "no name of a file");
      }
    }
  }

  /** Pieces follow one another, and the block is as long as they and the holes between them. */
  private static void check(Merge op) {
    checkId("inode", op.getInode());
    checkId("block", op.getBlock());
    checkCount("pieces", op.getPiecesCount(), 2, Namespace.MERGE_PIECES_MAX);
    checkCount("bytes of a block", op.getLength(), 1, Frame.PAYLOAD_BYTES_MAX);
    checkRange(op.getOffset(), op.getLength());
    if (op.getWhere() == 0) {
      throw new Refused(Errno.EINVAL, "nobody holds block " + op.getBlock());
    }
    long end = op.getOffset();
    for (Extent piece : op.getPiecesList()) {
      checkId("block", piece.getBlock());
      checkCount("bytes of a piece", piece.getLength(), 1, Frame.PAYLOAD_BYTES_MAX);
      checkCount("offset in a block", piece.getBlockOffset(), 0, Frame.PAYLOAD_BYTES_MAX);
      checkRange(piece.getOffset(), piece.getLength());
      if (piece.getOffset() < end) {
        throw new Refused(Errno.EINVAL, "pieces that overlap");
      }
      end = piece.getOffset() + piece.getLength();
    }
    if (op.getPieces(0).getOffset() != op.getOffset() || end != op.getOffset() + op.getLength()) {
      throw new Refused(Errno.EINVAL, "a block that is not as long as its pieces");
    }
  }

  private static void check(RaiseLevel op) {
    checkCount("feature level", op.getLevel(), 1, LEVEL_MAX);
    checkCount("members", op.getMembersCount(), 1, Configurations.SLOTS_MAX);
  }

  private static void check(AddHolder op) {
    checkCount("blocks", op.getBlocksCount(), 0, ADOPTED_MAX);
    checkIds("block", op.getBlocksList());
  }

  /**
   * A range of a file that a file can have.
   *
   * @throws Refused EINVAL if a part is negative, EFBIG if it ends beyond the longest file
   */
  static void checkRange(long offset, long length) {
    if (offset < 0 || length < 0) {
      throw new Refused(Errno.EINVAL, "negative offset or length");
    }
    if (offset > Namespace.FILE_BYTES_MAX - length) {
      throw new Refused(Errno.EFBIG, "beyond the longest file");
    }
  }

  private static void checkIds(String what, List<Long> ids) {
    ids.forEach(id -> checkId(what, id));
  }

  private static void checkId(String what, long id) {
    if (id <= 0) {
      throw new Refused(Errno.EINVAL, "no such " + what + ": " + Long.toUnsignedString(id));
    }
  }

  private static void checkTime(long timeMs) {
    if (timeMs == Long.MIN_VALUE || timeMs == Long.MAX_VALUE) {
      throw new Refused(Errno.EINVAL, "not a time");
    }
  }

  private static void checkCount(String what, int count, int min, int max) {
    if (count < min || count > max) {
      throw new Refused(
          Errno.EINVAL,
          "%s: %s, must be %d to %d".formatted(what, Integer.toUnsignedString(count), min, max));
    }
  }
}
