package io.sandstore.contract;

import io.sandstore.sim.Simulated;

class SimHostTest extends HostContract {

  @Override
  void with(Simulated.Task task) throws Exception {
    Simulated.run(task);
  }

  @Override
  String address() {
    return "server:9070";
  }
}
