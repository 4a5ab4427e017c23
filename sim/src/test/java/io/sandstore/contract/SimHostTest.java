package io.sandstore.contract;

import io.sandstore.host.Disk;
import io.sandstore.sim.Simulated;

class SimHostTest extends HostContract {

  @Override
  void with(Simulated.Task task) throws Exception {
    Simulated.run(task);
  }

  @Override
  Disk disk() {
    return Simulated.disk(1);
  }

  @Override
  String address() {
    return "server:9070";
  }
}
