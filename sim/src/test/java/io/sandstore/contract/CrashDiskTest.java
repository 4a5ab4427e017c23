package io.sandstore.contract;

import io.sandstore.crash.CrashDisk;
import io.sandstore.host.Disk;

class CrashDiskTest extends DiskContract {

  private final Disk disk = new CrashDisk();

  @Override
  Disk disk() {
    return disk;
  }
}
