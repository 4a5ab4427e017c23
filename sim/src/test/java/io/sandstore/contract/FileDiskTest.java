package io.sandstore.contract;

import io.sandstore.host.Disk;
import io.sandstore.host.jvm.FileDisk;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class FileDiskTest extends DiskContract {

  @TempDir Path directory;

  @Override
  Disk disk() throws IOException {
    return new FileDisk(directory);
  }
}
