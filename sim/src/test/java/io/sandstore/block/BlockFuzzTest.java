package io.sandstore.block;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.sandstore.fuzz.Seeds;
import io.sandstore.host.BufferPool;
import io.sandstore.host.Host;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A block file with anything in it is read or refused. */
@Tag("slow")
class BlockFuzzTest {

  private static final long ID = 5;
  private static final Host HOST = JvmHost.create(4);

  @TempDir Path directory;

  static Stream<Arguments> blocks() throws IOException {
    return Seeds.mutated(Seeds.fixture("blocks", "block-v1"));
  }

  @FuzzTest
  @MethodSource("blocks")
  void block(byte[] data) throws IOException {
    Path file = directory.resolve("blocks/%02x/%016x".formatted(ID, ID));
    Files.createDirectories(file.getParent());
    Files.write(file, data);
    BlockStore store = new FileBlockStore(HOST, new FileDisk(directory), 0);
    try (BufferPool.Lease lease = store.read(ID, 0, 100)) {
      lease.buffer().get(0);
    } catch (IOException refused) {
      // As it should be.
    }
  }
}
