package io.sandstore.raft;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.ByteString;
import io.sandstore.fuzz.Seeds;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.wire.LogEntry;
import io.sandstore.wire.RaftMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever comes from a peer or a disk is taken or refused with a typed error. Each test runs its
 * seeds; JAZZER_FUZZ=1 lets jazzer look for more.
 */
@Tag("slow")
class RaftFuzzTest {

  @TempDir Path directory;

  static Stream<Arguments> messages() {
    RaftMessage.Builder message =
        RaftMessage.newBuilder()
            .setType(RaftMessage.Type.APPEND)
            .setFrom(1)
            .setTo(2)
            .setTerm(3)
            .setIndex(4)
            .setCommit(4);
    message.addEntries(
        LogEntry.newBuilder().setIndex(5).setTerm(3).setData(ByteString.copyFromUtf8("data")));
    return Seeds.mutated(message.build().toByteArray());
  }

  @FuzzTest
  @MethodSource("messages")
  void message(byte[] data) {
    try {
      MessageCodec.decode(ByteString.copyFrom(data));
    } catch (IllegalArgumentException refused) {
      // As it should be.
    }
  }

  static Stream<Arguments> logs() throws IOException {
    return Seeds.mutated(Seeds.fixture("raft", "log-v1.seg"));
  }

  @FuzzTest
  @MethodSource("logs")
  void log(byte[] data) throws IOException {
    Path segments = Files.createDirectories(directory.resolve("raft"));
    Files.write(segments.resolve("log-%016x.seg".formatted(1)), data);
    try {
      LogStore.open(new FileDisk(directory), new Random(1), 16 << 10, entry -> {}).close();
    } catch (IOException refused) {
      // As it should be.
    }
  }

  static Stream<Arguments> snapshots() throws IOException {
    return Seeds.mutated(Seeds.fixture("raft", "snapshot-v2"));
  }

  @FuzzTest
  @MethodSource("snapshots")
  void snapshot(byte[] data) throws IOException {
    Files.write(directory.resolve("snapshot"), data);
    SnapshotStore store = new SnapshotStore(new FileDisk(directory));
    try (SnapshotStore.Reader reader = store.read("snapshot")) {
      reader.verify();
    } catch (IOException refused) {
      // As it should be.
    }
  }
}
