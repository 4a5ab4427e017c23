package io.sandstore.host.jvm;

import io.sandstore.host.LogLimit;
import io.sandstore.host.Threads;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Virtual threads for requests, platform threads for a node's own loops. */
public final class JvmThreads implements Threads {

  private static final Logger log = LoggerFactory.getLogger(JvmThreads.class);
  private static final LogLimit failures = new LogLimit(Duration.ofSeconds(1), System::nanoTime);

  @Override
  public void start(String name, Runnable task) {
    Thread.ofVirtual().name(name).uncaughtExceptionHandler(JvmThreads::report).start(task);
  }

  @Override
  public void startDedicated(String name, Runnable task) {
    Thread.ofPlatform()
        .daemon()
        .name(name)
        .uncaughtExceptionHandler(JvmThreads::report)
        .start(task);
  }

  @Override
  public boolean runAtOnce() {
    return true;
  }

  private static void report(Thread thread, Throwable failure) {
    failures.say(
        more ->
            log.error(
                "thread {} ended by an unexpected failure{}", thread.getName(), more, failure));
  }
}
