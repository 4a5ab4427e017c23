package io.sandstore.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Link;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.wire.Header;
import io.sandstore.wire.Ping;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A connection on which anything may come ends with frames or a refusal, in bounded memory. */
@Tag("slow")
class FrameFuzzTest {

  private static final Host HOST = JvmHost.create(4);

  static Stream<Arguments> streams() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.write("SANDST".getBytes(StandardCharsets.US_ASCII));
    out.writeShort(1);
    byte[] header =
        Header.newBuilder().setId(1).setPing(Ping.getDefaultInstance()).build().toByteArray();
    for (int payload : new int[] {0, 10, 100_000}) {
      out.writeInt(header.length);
      out.writeInt(payload);
      out.write(header);
      out.write(new byte[payload]);
    }
    return Seeds.mutated(bytes.toByteArray());
  }

  @FuzzTest
  @MethodSource("streams")
  void frames(byte[] data) throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String address = "127.0.0.1:" + server.getLocalPort();
      Link link = HOST.network().dial(address, Duration.ofSeconds(5));
      try (Socket other = server.accept()) {
        other.getOutputStream().write(data);
        other.shutdownOutput();
        Frame frame;
        while ((frame = link.receive()) != null) {
          frame.close();
        }
      } catch (IOException refused) {
        // As it should be.
      } finally {
        link.close();
      }
    }
  }
}
