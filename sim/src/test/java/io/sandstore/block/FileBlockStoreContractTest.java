package io.sandstore.block;

import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

/** Blocks in files on a real disk, as every store. */
class FileBlockStoreContractTest extends BlockStoreContract {

  @TempDir Path directory;

  @Override
  BlockStore empty() throws IOException {
    return new FileBlockStore(JvmHost.create(2), new FileDisk(directory), 0);
  }
}
