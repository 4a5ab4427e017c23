package io.sandstore.namespace;

import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Attributes;
import io.sandstore.wire.DirectoryEntry;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.FileSystemStats;
import io.sandstore.wire.GetXattr;
import io.sandstore.wire.Layout;
import io.sandstore.wire.ListXattrs;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.ReadLink;
import java.util.Map;

/** Reads of the namespace. Every answer is bounded; longer ones come in pages. */
final class Queries {

  private static final int ENTRIES_MAX = 1000;
  private static final int EXTENTS_MAX = 1000;

  private final Namespace namespace;

  Queries(Namespace namespace) {
    this.namespace = namespace;
  }

  Answer answer(Ask ask) {
    Query query = ask.getQuery();
    try {
      Access caller = namespace.caller(ask.hasCredentials(), ask.getCredentials());
      return switch (query.getOpCase()) {
        case LOOKUP -> lookup(ask, caller);
        case READ_DIRECTORY -> readDirectory(query.getReadDirectory(), caller);
        case LAYOUT -> layout(query.getLayout());
        case READ_LINK -> readLink(query.getReadLink(), caller);
        case STAT_FS -> statFs();
        case WATCH ->
            WatchQuery.answer(namespace.tree, namespace.changes, query.getWatch(), caller);
        case GET_XATTR -> getXattr(query.getGetXattr(), caller);
        case LIST_XATTRS -> listXattrs(query.getListXattrs(), caller);
        case ACCESS -> access(query.getAccess(), caller);
        case GET_LOCK -> namespace.lockCommands.answer(query.getGetLock());
        case OP_NOT_SET -> throw new Refused(Errno.EPROTO, "a query of another release");
      };
    } catch (Refused refused) {
      return Answer.newBuilder().setFault(refused.fault()).build();
    }
  }

  private Answer lookup(Ask ask, Access caller) {
    Lookup op = ask.getQuery().getLookup();
    Inode inode;
    String name = "";
    if (op.getInode() != 0) {
      inode = namespace.tree.open(op.getInode());
    } else {
      Tree.Place place = namespace.tree.look(op.getLocation(), !op.getNoFollow(), caller);
      inode = place.require();
      name = place.name();
    }
    boolean opensDirectory = inode.isDirectory() && (op.getMask() & Access.WRITE) != 0;
    if (!opensDirectory) { // which the client refuses
      caller.require(inode, op.getMask() & (Access.READ | Access.WRITE), name);
    }
    long first = Integer.toUnsignedLong(ask.getFirstBytes());
    boolean reads = inode.isRegular() && (op.getMask() & Access.READ) != 0;
    return first > 0 && reads ? extents(inode, 0, first) : attributes(inode);
  }

  private Answer access(io.sandstore.wire.Access op, Access caller) {
    if ((op.getMask() & ~7) != 0) {
      throw new Refused(Errno.EINVAL, "not a mask of permissions: " + op.getMask());
    }
    if (op.getInode() != 0) {
      Inode inode = namespace.tree.open(op.getInode());
      caller.require(inode, op.getMask(), "");
      return attributes(inode);
    }
    Tree.Place place = namespace.tree.look(op.getLocation(), true, caller);
    caller.require(place.require(), op.getMask(), place.name());
    return attributes(place.require());
  }

  private static Answer attributes(Inode inode) {
    return Answer.newBuilder().setAttributes(inode.attributes()).build();
  }

  private Answer readDirectory(ReadDirectory op, Access caller) {
    Tree tree = namespace.tree;
    Tree.Place place = tree.look(op.getLocation(), true, caller);
    Inode directory = place.require();
    if (!directory.isDirectory()) {
      throw new Refused(Errno.ENOTDIR, "not a directory");
    }
    caller.require(directory, Access.READ, place.name());
    boolean searchable = caller.may(directory, Access.EXECUTE);
    int limit = op.getLimit() <= 0 ? ENTRIES_MAX : Math.min(op.getLimit(), ENTRIES_MAX);
    Answer.Builder answer = Answer.newBuilder().setAttributes(directory.attributes());
    Keys.Dentry after = new Keys.Dentry(directory.id(), op.getAfter());
    for (Map.Entry<Keys.Dentry, Long> entry : tree.dentries.live.tailMap(after, false).entrySet()) {
      if (entry.getKey().parent() != directory.id()) {
        break;
      }
      if (answer.getEntriesCount() == limit) {
        return answer.setMore(true).build();
      }
      Attributes attributes = tree.inode(entry.getValue()).attributes();
      answer.addEntries(
          DirectoryEntry.newBuilder()
              .setName(entry.getKey().name())
              .setAttributes(searchable ? attributes : numberAndType(attributes)));
    }
    return answer.build();
  }

  /** What readdir(3) tells: the rest is for those who may search the directory. */
  private static Attributes numberAndType(Attributes attributes) {
    return Attributes.newBuilder()
        .setInode(attributes.getInode())
        .setType(attributes.getType())
        .build();
  }

  private Answer layout(Layout op) {
    Inode inode = namespace.tree.open(op.getInode());
    if (op.getOffset() < 0 || op.getLength() < 0) {
      throw new Refused(Errno.EINVAL, "negative offset or length");
    }
    return extents(inode, op.getOffset(), op.getLength());
  }

  private Answer extents(Inode inode, long offset, long length) {
    long end = Math.min(inode.size(), offset + Math.min(length, inode.size()));
    Answer.Builder answer = Answer.newBuilder().setAttributes(inode.attributes());
    for (Map.Entry<Keys.Offset, Keys.Run> entry :
        namespace.extents.touching(inode.id(), offset, end).entrySet()) {
      if (answer.getExtentsCount() == EXTENTS_MAX) {
        return answer.setMore(true).build();
      }
      answer.addExtents(extent(entry.getKey().offset(), entry.getValue()));
    }
    return answer.build();
  }

  private Extent extent(long offset, Keys.Run run) {
    Keys.Block block = namespace.blocks.require(run.block());
    Extent.Builder extent =
        Extent.newBuilder()
            .setOffset(offset)
            .setLength(run.length())
            .setBlock(run.block())
            .setBlockOffset(run.blockOffset())
            .setBlockLength(block.length());
    namespace.blocks.holders(block).forEach(member -> extent.addHolders(member.getName()));
    return extent.build();
  }

  private Answer readLink(ReadLink op, Access caller) {
    Inode inode = namespace.tree.find(op.getInode(), op.getLocation(), false, caller);
    if (!inode.isSymlink()) {
      throw new Refused(Errno.EINVAL, "not a symbolic link");
    }
    return Answer.newBuilder().setAttributes(inode.attributes()).setTarget(inode.target()).build();
  }

  private void requirePosix() {
    if (!namespace.isPosix()) {
      throw Namespace.above(namespace.level, FeatureLevel.POSIX);
    }
  }

  private Answer getXattr(GetXattr op, Access caller) {
    requirePosix();
    Inode inode = namespace.tree.find(op.getInode(), op.getLocation(), !op.getNoFollow(), caller);
    return Answer.newBuilder().setValue(namespace.xattrs.get(inode, op.getName(), caller)).build();
  }

  private Answer listXattrs(ListXattrs op, Access caller) {
    requirePosix();
    Inode inode = namespace.tree.find(op.getInode(), op.getLocation(), !op.getNoFollow(), caller);
    return Answer.newBuilder().addAllNames(namespace.xattrs.names(inode.id(), caller)).build();
  }

  private Answer statFs() {
    Tree tree = namespace.tree;
    return Answer.newBuilder()
        .setStats(
            FileSystemStats.newBuilder()
                .setFiles(tree.inodes.live.size() - tree.directories)
                .setDirectories(tree.directories)
                .setBlocks(namespace.blocks.blocks.live.size())
                .setUnderReplicatedBlocks(namespace.blocks.underReplicated().size()))
        .build();
  }
}
