package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.Identity;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Host;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** A small file is opened, read and closed in one round trip, with all rules of opening. */
@ParameterizedClass(name = "{0}")
@ValueSource(strings = {"raft", "read"})
class FirstBytesTest {

  private static final Set<OpenFlag> AS_OPENED =
      EnumSet.of(OpenFlag.O_RDONLY, OpenFlag.O_AS_OPENED);
  private static final Identity OWNER = Identity.of(1000, 100);
  private static final Identity STRANGER = Identity.of(1001, 101);

  private final CalmCluster cluster;
  private final AtomicInteger asked = new AtomicInteger();

  FirstBytesTest(String profile) {
    cluster =
        new CalmCluster(
            Map.of(
                "SANDSTORE_PROFILE", profile,
                "SANDSTORE_SCRUB_MS", "1000000",
                "SANDSTORE_COLLECT_S", "100000"));
  }

  private interface Operations {
    void run(Host host, SandstoreClient client) throws Exception;
  }

  private void with(Operations operations) throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient client = CalmCluster.client(host)) {
            client.stat("/");
            host.clock().sleep(Duration.ofSeconds(1));
            client.stat("/"); // all nodes are known by then, and the primary
            cluster.observe(
                sent -> {
                  boolean asks = sent.header().hasAsk() || sent.header().hasReadBlock();
                  if (asks && sent.from().name.equals("client")) {
                    asked.incrementAndGet();
                  }
                });
            operations.run(host, client);
          }
        });
  }

  private static byte[] write(SandstoreClient client, String path, int size) throws IOException {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    try (SandFile file =
        client.open(
            path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_TRUNC), 0600)) {
      file.write(ByteBuffer.wrap(bytes));
    }
    return bytes;
  }

  private static byte[] read(SandstoreClient client, String path) throws IOException {
    ByteBuffer all = ByteBuffer.allocate(1 << 20);
    try (SandFile file = client.open(path, AS_OPENED, 0)) {
      while (file.read(all) > 0) {
        // Until all is there.
      }
    }
    return Arrays.copyOf(all.array(), all.position());
  }

  @Test
  void openingReadingAndClosingIsOneQuestion() throws Exception {
    with(
        (host, client) -> {
          for (int size : new int[] {1, 3000, 60 << 10}) {
            byte[] bytes = write(client, "/small", size);
            asked.set(0);
            assertThat(read(client, "/small")).isEqualTo(bytes);
            assertThat(client.readAll("/small")).isEqualTo(bytes);
            assertThat(asked).hasValue(2);
          }
        });
  }

  @Test
  void whatIsLongOrInPiecesOrEmptyIsReadAsEver() throws Exception {
    with(
        (host, client) -> {
          for (int size : new int[] {0, (128 << 10) + 1, 300 << 10}) {
            byte[] bytes = write(client, "/other", size);
            assertThat(read(client, "/other")).isEqualTo(bytes);
            assertThat(client.readAll("/other")).isEqualTo(bytes);
          }
          byte[] bytes = write(client, "/pieces", 5000);
          try (SandFile file = client.open("/pieces", EnumSet.of(OpenFlag.O_WRONLY), 0)) {
            file.write(ByteBuffer.wrap(new byte[] {1, 2, 3}), 1000);
          }
          System.arraycopy(new byte[] {1, 2, 3}, 0, bytes, 1000, 3);
          assertThat(read(client, "/pieces")).isEqualTo(bytes);
          assertThat(client.readAll("/pieces")).isEqualTo(bytes);
        });
  }

  /** They share the links' buffers with each other and with what is read ahead. */
  @Test
  void manyMayBeOpenAtATimeAndAreReadLater() throws Exception {
    with(
        (host, client) -> {
          byte[] large = write(client, "/large", 1 << 20);
          List<SandFile> open = new ArrayList<>();
          for (int i = 0; i < 40; i++) {
            write(client, "/many" + i, 10_000 + i);
          }
          for (int i = 0; i < 40; i++) {
            open.add(client.open("/many" + i, AS_OPENED, 0));
          }
          assertThat(client.readAll("/large")).isEqualTo(large);
          for (int i = 0; i < 40; i++) {
            ByteBuffer found = ByteBuffer.allocate(20_000);
            assertThat(open.get(i).read(found, 1)).isEqualTo(9_999 + i);
            assertThat(open.get(i).read(found.clear())).isEqualTo(10_000 + i);
            open.get(i).close();
          }
          for (int i = 0; i < 40; i++) {
            assertThat(read(client, "/many" + i)).hasSize(10_000 + i);
          }
        });
  }

  @Test
  void whoMayNotReadGetsNothingAndLinksAreFollowedAsEver() throws Exception {
    with(
        (host, client) -> {
          client.mkdir("/own", 0755);
          client.setattr("/own", AttributeChange.NONE.withOwner(1000, 100));
          byte[] bytes = write(client.as(OWNER), "/own/secret", 4000);
          client.symlink("secret", "/own/link");
          assertThat(read(client.as(OWNER), "/own/link")).isEqualTo(bytes);
          assertThat(client.as(OWNER).readAll("/own/secret")).isEqualTo(bytes);
          refused(Errno.EACCES, () -> read(client.as(STRANGER), "/own/secret"));
          refused(Errno.EACCES, () -> client.as(STRANGER).readAll("/own/link"));
          refused(Errno.ENOENT, () -> client.readAll("/own/nothing"));
          refused(Errno.EISDIR, () -> client.readAll("/own"));
          refused(
              Errno.ELOOP,
              () ->
                  client.open(
                      "/own/link",
                      EnumSet.of(OpenFlag.O_RDONLY, OpenFlag.O_AS_OPENED, OpenFlag.O_NOFOLLOW),
                      0));
          refused(
              Errno.EINVAL,
              () ->
                  client.open("/own/secret", EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_AS_OPENED), 0));
        });
  }

  private interface Attempt {
    Object run() throws IOException;
  }

  private static void refused(Errno errno, Attempt attempt) {
    assertThatThrownBy(attempt::run)
        .isInstanceOfSatisfying(PosixException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  /** The handle keeps what it was opened with; whoever asks anew sees what was written since. */
  @Test
  void whatAnotherWroteIsSeenByTheNextOpen() throws Exception {
    with(
        (host, client) -> {
          byte[] before = write(client, "/shared", 1000);
          try (SandstoreClient writer = CalmCluster.client(host);
              SandFile file = client.open("/shared", AS_OPENED, 0);
              SandFile plain = client.open("/shared", EnumSet.of(OpenFlag.O_RDONLY), 0)) {
            byte[] after = write(writer, "/shared", 2000);
            ByteBuffer found = ByteBuffer.allocate(3000);
            assertThat(file.read(found)).isEqualTo(1000);
            assertThat(found.flip()).isEqualTo(ByteBuffer.wrap(before));
            assertThat(plain.read(found.clear())).isEqualTo(2000);
            assertThat(client.readAll("/shared")).isEqualTo(after);
            assertThat(read(client, "/shared")).isEqualTo(after);
          }
        });
  }
}
