package io.sandstore.client;

import io.sandstore.wire.Access;
import io.sandstore.wire.Command;
import io.sandstore.wire.Link;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadLink;
import io.sandstore.wire.SetAttributes;
import java.io.IOException;

/**
 * A file, directory or link by its number, whatever its names are now: for programs that keep
 * numbers and not paths, as a kernel does. Holds nothing in the cluster: a file without a name
 * stays only as long as somebody has it open. Every call asks the cluster, and fails with ESTALE if
 * it is gone.
 */
public final class SandInode {

  private final SandstoreClient client;
  private final long inode;

  SandInode(SandstoreClient client, long inode) {
    this.client = client;
    this.inode = inode;
  }

  public FileStat stat() throws IOException {
    return client.lookup(Lookup.newBuilder().setInode(inode));
  }

  /**
   * Asks for permission; see {@link SandstoreClient#access}.
   *
   * @throws io.sandstore.rpc.PosixException EACCES if it may not do all of it
   */
  public FileStat access(int mask) throws IOException {
    Access op = Access.newBuilder().setInode(inode).setMask(mask).build();
    return FileStat.of(client.ask(Query.newBuilder().setAccess(op)).getAttributes());
  }

  public FileStat setattr(AttributeChange change) throws IOException {
    return client.setattr(SetAttributes.newBuilder().setInode(inode), change);
  }

  /** Cuts the file or extends it by zeros; whoever calls this has made sure that it may. */
  public FileStat setattr(AttributeChange change, long size) throws IOException {
    return client.setattr(SetAttributes.newBuilder().setInode(inode).setSize(size), change);
  }

  /**
   * Where a symbolic link leads.
   *
   * @throws io.sandstore.rpc.PosixException EINVAL if it is none
   */
  public String readlink() throws IOException {
    return client.readlink(ReadLink.newBuilder().setInode(inode));
  }

  /** One more name; see {@link SandstoreClient#link(String, String)}. */
  public FileStat link(SandDirectory directory, String name) throws IOException {
    Link op = Link.newBuilder().setInode(inode).setTo(directory.location(name)).build();
    return FileStat.of(client.mutate(Command.newBuilder().setLink(op)).getAttributes());
  }

  public ExtendedAttributes xattrs() {
    return ExtendedAttributes.of(client, inode);
  }
}
