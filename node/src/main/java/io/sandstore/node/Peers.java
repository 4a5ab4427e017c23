package io.sandstore.node;

import io.sandstore.host.Host;
import io.sandstore.rpc.Addresses;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** The other nodes by name, at whatever address discovery gives them now. Thread-safe. */
final class Peers implements Closeable {

  /** With the limit of a check: a node that stands still is known to within five seconds. */
  private static final Duration WATCH_EVERY = Duration.ofSeconds(2);

  private final Host host;
  private final Discovery discovery;
  private final Supplier<Hello> hello;
  private final Map<String, RpcClient> peers = new ConcurrentHashMap<>();
  private volatile boolean closed;

  Peers(Host host, Discovery discovery, Supplier<Hello> hello) {
    this.host = host;
    this.discovery = discovery;
    this.hello = hello;
  }

  RpcClient get(String name) throws IOException {
    String address = discovery.addresses().get(name);
    if (address == null) {
      throw new IOException("no address of " + name + " is known");
    }
    RpcClient peer = peers.get(name);
    if (peer != null && peer.address().equals(address)) {
      return peer;
    }
    return peers.compute(
        name,
        (n, old) -> {
          if (old != null && old.address().equals(address)) {
            return old;
          }
          if (old != null) {
            old.close();
          }
          return new RpcClient(host, address, hello);
        });
  }

  /**
   * Where a node wants to be reached by clients, as it said when it last answered. One that was
   * never asked is asked in the background, for the next time.
   */
  List<String> clientAddresses(String name) {
    try {
      RpcClient peer = get(name);
      HelloReply greeting = peer.greeting();
      if (greeting == null) {
        peer.isSuspect(); // asks a stranger who it is
        return List.of();
      }
      return greeting.getName().equals(name)
          ? Addresses.valid(greeting.getAddressesList())
          : List.of();
    } catch (IOException e) {
      return List.of(); // it has left
    }
  }

  /**
   * Asks all others, until closed, whether they still answer, so that the first who needs one that
   * stands still does not find that out by waiting for it.
   */
  void watch(String self) {
    try {
      while (!closed) {
        host.clock().sleep(WATCH_EVERY);
        for (String name : discovery.addresses().keySet()) {
          if (!name.equals(self)) {
            check(name);
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void check(String name) {
    try {
      get(name).check();
    } catch (IOException e) {
      // It has just left.
    }
  }

  @Override
  public void close() {
    closed = true;
    peers.values().forEach(RpcClient::close);
  }
}
