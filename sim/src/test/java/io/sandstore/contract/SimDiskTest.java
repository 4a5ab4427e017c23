package io.sandstore.contract;

import io.sandstore.host.Disk;
import io.sandstore.sim.Simulated;

class SimDiskTest extends DiskContract {

  private final Disk disk = Simulated.disk(1);

  @Override
  Disk disk() {
    return disk;
  }
}
