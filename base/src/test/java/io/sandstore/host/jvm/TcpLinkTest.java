package io.sandstore.host.jvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Link;
import io.sandstore.wire.Header;
import io.sandstore.wire.Ping;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a frame may be; the other end is whoever dials. */
class TcpLinkTest {

  private static final byte[] MAGIC = {'S', 'A', 'N', 'D', 'S', 'T', 0, 1};

  private final Host host = JvmHost.create(2);
  private ServerSocket server;
  private Link link;
  private Socket other;

  @BeforeEach
  void connect() throws IOException {
    server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    link = host.network().dial("127.0.0.1:" + server.getLocalPort(), Duration.ofSeconds(20));
    other = server.accept();
  }

  @AfterEach
  void disconnect() throws IOException {
    link.close();
    other.close();
    server.close();
  }

  private void send(int headerBytes, int payloadBytes) throws IOException {
    DataOutputStream out = new DataOutputStream(other.getOutputStream());
    out.write(MAGIC);
    out.writeInt(headerBytes);
    out.writeInt(payloadBytes);
    out.flush();
  }

  private void refused(int headerBytes, int payloadBytes) throws IOException {
    send(headerBytes, payloadBytes);
    assertThatThrownBy(link::receive).isInstanceOf(IOException.class);
    assertThat(host.buffers().used()).isZero();
  }

  @Test
  void aHeaderLongerThanTheLongestIsRefusedUnread() throws IOException {
    refused(Frame.HEADER_BYTES_MAX + 1, 0);
  }

  @Test
  void aPayloadLongerThanTheLongestIsRefusedUnread() throws IOException {
    refused(4, Frame.PAYLOAD_BYTES_MAX + 1);
  }

  @Test
  void lengthsBelowZeroAreRefused() throws IOException {
    refused(-1, 0);
  }

  @Test
  void aPayloadOfLessThanNothingIsRefused() throws IOException {
    refused(4, -1);
  }

  @Test
  void whatIsNoFrameOfOursIsRefused() throws IOException {
    other.getOutputStream().write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".getBytes());
    assertThatThrownBy(link::receive).isInstanceOf(IOException.class);
  }

  /** What was sent is not the other end's to find out: it is refused before a byte of it goes. */
  @Test
  void whatWouldBeRefusedIsNotSent() throws IOException {
    Header header = Header.newBuilder().setPing(Ping.getDefaultInstance()).build();
    assertThatThrownBy(
            () -> link.send(Frame.of(header, ByteBuffer.allocate(Frame.PAYLOAD_BYTES_MAX + 1))))
        .isInstanceOfAny(IOException.class, IllegalArgumentException.class);
    link.send(Frame.of(header, ByteBuffer.wrap(new byte[] {1, 2, 3})));
    DataInputStream in = new DataInputStream(other.getInputStream());
    assertThat(in.readNBytes(8)).isEqualTo(MAGIC);
    assertThat(in.readInt()).isEqualTo(header.getSerializedSize());
    assertThat(in.readInt()).isEqualTo(3);
    assertThat(Header.parseFrom(in.readNBytes(header.getSerializedSize()))).isEqualTo(header);
    assertThat(in.readNBytes(3)).containsExactly(1, 2, 3);
  }
}
