package io.sandstore.host.jvm;

import io.sandstore.host.BufferPool;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import java.security.SecureRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A real machine. */
public final class JvmHost {

  private static final Logger log = LoggerFactory.getLogger(JvmHost.class);

  /** Exit code of a process that halted itself; others are picocli's (1, 2). */
  public static final int HALTED = 70;

  private JvmHost() {}

  /**
   * @param buffers block buffers of each kind (own reads, clients' writes, peers' writes, answers)
   */
  public static Host create(int buffers) {
    return create(buffers, Telemetry.NONE);
  }

  /** The same, with somebody who keeps the figures. */
  public static Host create(int buffers, Telemetry telemetry) {
    BufferPool own = new BufferPool(buffers, Frame.PAYLOAD_BYTES_MAX);
    telemetry.queue("own buffers", own::used);
    return new Host(
        new JvmClock(),
        new SecureRandom(),
        new JvmThreads(),
        new TcpNetwork(new JvmThreads(), buffers, telemetry),
        own,
        new JvmMemory(),
        telemetry,
        JvmHost::halt);
  }

  private static void halt(String reason, Throwable cause) {
    log.error("halting: {}", reason, cause);
    Runtime.getRuntime().halt(HALTED);
  }
}
