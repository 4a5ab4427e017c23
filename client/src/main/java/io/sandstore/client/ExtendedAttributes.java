package io.sandstore.client;

import com.google.protobuf.ByteString;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Command;
import io.sandstore.wire.GetXattr;
import io.sandstore.wire.ListXattrs;
import io.sandstore.wire.Location;
import io.sandstore.wire.Query;
import io.sandstore.wire.SetXattr;
import java.io.IOException;
import java.util.List;

/**
 * The extended attributes of a file, directory or link, as xattr(7) has them: names of 1 to 255
 * bytes of UTF-8 with values of 0 to 65,536 bytes. Every call asks the cluster anew.
 *
 * <p>All calls fail with ENOENT or, of what is open, ESTALE if the file is gone, and with ERANGE
 * for a name of another length. A cluster below feature level 3 refuses changes with EPROTO.
 */
public final class ExtendedAttributes {

  private final SandstoreClient client;
  private final long inode;
  private final Location location;
  private final boolean noFollow;

  private ExtendedAttributes(
      SandstoreClient client, long inode, Location location, boolean noFollow) {
    this.client = client;
    this.inode = inode;
    this.location = location;
    this.noFollow = noFollow;
  }

  static ExtendedAttributes of(SandstoreClient client, long inode) {
    return new ExtendedAttributes(client, inode, Location.getDefaultInstance(), false);
  }

  static ExtendedAttributes of(SandstoreClient client, Location location, boolean noFollow) {
    return new ExtendedAttributes(client, 0, location, noFollow);
  }

  /**
   * The value of an attribute.
   *
   * @throws PosixException ENODATA if there is none of this name
   */
  public byte[] get(String name) throws IOException {
    GetXattr op =
        GetXattr.newBuilder()
            .setInode(inode)
            .setLocation(location)
            .setNoFollow(noFollow)
            .setName(name)
            .build();
    return client.ask(Query.newBuilder().setGetXattr(op)).getValue().toByteArray();
  }

  /** All names, in the order of their bytes. */
  public List<String> list() throws IOException {
    ListXattrs op =
        ListXattrs.newBuilder().setInode(inode).setLocation(location).setNoFollow(noFollow).build();
    return List.copyOf(client.ask(Query.newBuilder().setListXattrs(op)).getNamesList());
  }

  /**
   * Gives an attribute a value, whether it has one or not.
   *
   * @throws PosixException E2BIG for a longer value, ENOSPC if all attributes of the file together
   *     would be too many
   */
  public void set(String name, byte[] value) throws IOException {
    change(change(name).setValue(ByteString.copyFrom(value)));
  }

  /**
   * Adds an attribute.
   *
   * @throws PosixException EEXIST if it is there; see {@link #set}
   */
  public void create(String name, byte[] value) throws IOException {
    change(change(name).setValue(ByteString.copyFrom(value)).setCreate(true));
  }

  /**
   * Changes an attribute.
   *
   * @throws PosixException ENODATA if it is not there; see {@link #set}
   */
  public void replace(String name, byte[] value) throws IOException {
    change(change(name).setValue(ByteString.copyFrom(value)).setReplace(true));
  }

  /**
   * Removes an attribute.
   *
   * @throws PosixException ENODATA if it is not there
   */
  public void remove(String name) throws IOException {
    change(change(name).setRemove(true));
  }

  private SetXattr.Builder change(String name) {
    return SetXattr.newBuilder()
        .setInode(inode)
        .setLocation(location)
        .setNoFollow(noFollow)
        .setName(name);
  }

  private void change(SetXattr.Builder op) throws IOException {
    client.mutate(Command.newBuilder().setSetXattr(op));
  }
}
