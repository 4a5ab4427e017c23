package io.sandstore.namespace;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.block.HolderMask;
import io.sandstore.fuzz.Seeds;
import io.sandstore.replication.BlockSink;
import io.sandstore.wire.Allocate;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.Exchange;
import io.sandstore.wire.FileType;
import io.sandstore.wire.GetXattr;
import io.sandstore.wire.Link;
import io.sandstore.wire.Location;
import io.sandstore.wire.MakeNode;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.NewExtent;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.Rename;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.SetXattr;
import io.sandstore.wire.Write;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Commands, queries and snapshots with anything in them are taken or refused. */
@Tag("slow")
class NamespaceFuzzTest {

  private static final class Nowhere implements BlockSink {
    @Override
    public void stage(long block, byte[] data) {}

    @Override
    public void writeStaged() {}

    @Override
    public void release(List<Long> blocks) {}

    @Override
    public void force() {}

    @Override
    public void restored() {}
  }

  private static Location at(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  private static Batch batch() {
    Rename rename = Rename.newBuilder().setFrom(at("/a/b")).setTo(at("/c")).build();
    Write write =
        Write.newBuilder()
            .setInode(3)
            .addExtents(NewExtent.newBuilder().setLength(10).setBlock(7).setWhere(1))
            .build();
    return Batch.newBuilder()
        .setTimeMs(1)
        .addCommands(Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at("/a"))))
        .addCommands(Command.newBuilder().setCreate(Create.newBuilder().setLocation(at("/a/b"))))
        .addCommands(Command.newBuilder().setRename(rename))
        .addCommands(Command.newBuilder().setWrite(write))
        .addCommands(
            Command.newBuilder().setLink(Link.newBuilder().setFrom(at("/c")).setTo(at("/d"))))
        .addCommands(
            Command.newBuilder()
                .setMakeNode(
                    MakeNode.newBuilder()
                        .setLocation(at("/n"))
                        .setType(FileType.CHARACTER_DEVICE)
                        .setDevice(1 << 8)))
        .addCommands(
            Command.newBuilder()
                .setSetXattr(
                    SetXattr.newBuilder()
                        .setLocation(at("/c"))
                        .setName("user.a")
                        .setValue(ByteString.copyFromUtf8("value"))))
        .addCommands(
            Command.newBuilder()
                .setExchange(Exchange.newBuilder().setFirst(at("/a")).setSecond(at("/c"))))
        .addCommands(
            Command.newBuilder()
                .setAllocate(
                    Allocate.newBuilder().setInode(3).setLength(9).setHow(Allocate.How.ZERO)))
        .addCommands(
            Command.newBuilder().setCreateUnnamed(CreateUnnamed.newBuilder().setDirectory(at("/"))))
        .addCommands(
            Command.newBuilder()
                .setSetAttributes(
                    SetAttributes.newBuilder().setInode(3).setMtimeMs(5).setMtimeNs(7)))
        .build();
  }

  private static Namespace namespace() {
    return new Namespace(
        new Nowhere(),
        new HolderMask(),
        FeatureLevel.newest(),
        FeatureLevel.newest(),
        Optional.empty());
  }

  static Stream<Arguments> batches() {
    return Seeds.mutated(batch().toByteArray());
  }

  @FuzzTest
  @MethodSource("batches")
  void commands(byte[] data) {
    try {
      namespace().apply(1, Batch.parseFrom(data));
    } catch (InvalidProtocolBufferException refused) {
      // As it should be. What parses must be answered, never thrown: all replicas apply it.
    } catch (LaterReleaseException refused) {
      // Or it has fields of a later release, which ends the member.
    }
  }

  static Stream<Arguments> queries() {
    byte[] read =
        Query.newBuilder()
            .setReadDirectory(ReadDirectory.newBuilder().setLocation(at("/a")).setLimit(10))
            .build()
            .toByteArray();
    byte[] get =
        Query.newBuilder()
            .setGetXattr(GetXattr.newBuilder().setLocation(at("/")).setName("user.a"))
            .build()
            .toByteArray();
    return Stream.concat(Seeds.mutated(read), Seeds.mutated(get));
  }

  @FuzzTest
  @MethodSource("queries")
  void query(byte[] data) {
    try {
      namespace().ask(Query.parseFrom(data));
    } catch (InvalidProtocolBufferException refused) {
      // As it should be.
    }
  }

  static Stream<Arguments> snapshots() throws IOException {
    Namespace namespace = namespace();
    namespace.apply(1, batch());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (var frozen = namespace.freeze()) {
      frozen.writeTo(out);
    }
    return Seeds.mutated(out.toByteArray());
  }

  @FuzzTest
  @MethodSource("snapshots")
  void snapshot(byte[] data) {
    try {
      namespace().restore(new ByteArrayInputStream(data));
    } catch (IOException refused) {
      // As it should be.
    }
  }
}
