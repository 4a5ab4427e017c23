package io.sandstore.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sandstore.client.FileStat;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Bytes as the kernel of a little-endian machine has them, by hand from linux/fuse.h. */
class FuseLayoutTest {

  private static final FileStat STAT =
      new FileStat(
          7, FileStat.Type.FILE, 0640, 1000, 100, 513, 2, 1_001, -1, 3_000, 5, 999_999, 0, 0);

  @BeforeEach
  void onlyLittleEndian() {
    assumeTrue(
        ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN, "the bytes here are little-endian");
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replaceAll("\\s+", ""));
  }

  private static String hex(ByteBuffer buffer) {
    byte[] all = new byte[buffer.remaining()];
    buffer.get(all);
    return HexFormat.of().formatHex(all);
  }

  private static final String LOOKUP =
      """
      2c000000 01000000 0900000000000000 0100000000000000
      e8030000 64000000 d2040000 00000000 66 c3a4 00
      """;

  @Test
  void aLookupIsAHeaderAndAName() throws Exception {
    FuseRequest request = FuseRequest.of(bytes(LOOKUP));
    assertThat(request.opcode()).isEqualTo(Fuse.LOOKUP);
    assertThat(request.unique()).isEqualTo(9);
    assertThat(request.node()).isEqualTo(1);
    assertThat(request.uid()).isEqualTo(1000);
    assertThat(request.gid()).isEqualTo(100);
    assertThat(request.pid()).isEqualTo(1234);
    assertThat(request.nextName()).isEqualTo("fä");
  }

  @Test
  void attributesAreEightyEightBytes() {
    ByteBuffer attributes = new Replies(1).attributes(STAT);
    assertThat(hex(attributes))
        .isEqualTo(
            HexFormat.of()
                .formatHex(
                    bytes(
                        """
                        0100000000000000 00000000 00000000
                        0700000000000000 0102000000000000 0200000000000000
                        0100000000000000 ffffffffffffffff 0300000000000000
                        45420f00 ff c9 9a 3b 00000000
                        a0810000 02000000 e8030000 64000000 00000000 00000200 00000000
                        """)));
  }

  @Test
  void anEntryIsThatBehindItsNumberAndTimes() {
    ByteBuffer entry = new Replies(0).entry(STAT);
    assertThat(entry.remaining()).isEqualTo(128);
    assertThat(entry.getLong(0)).isEqualTo(7);
    assertThat(entry.getLong(16)).isZero();
    assertThat(entry.getLong(40)).isEqualTo(7);
    assertThat(new Replies(0).created(STAT, 3, 1).remaining()).isEqualTo(144);
  }

  @Test
  void namesOfADirectoryBeginAtMultiplesOfEight() {
    ByteBuffer out = Replies.buffer(100);
    assertThat(Replies.putName(out, 7, 3, 0100644, "fä")).isTrue();
    assertThat(out.position()).isEqualTo(32);
    assertThat(hex(out.flip()))
        .isEqualTo(
            HexFormat.of()
                .formatHex(
                    bytes(
                        "0700000000000000 0300000000000000 03000000 08000000 66c3a4 0000000000")));
    assertThat(Replies.putName(Replies.buffer(31), 7, 3, 0100644, "fä")).isFalse();
    assertThat(new Replies(1).putEntry(Replies.buffer(160), STAT, 3, "fä")).isTrue();
    assertThat(new Replies(1).putEntry(Replies.buffer(159), STAT, 3, "fä")).isFalse();
  }

  @Test
  void openingAnswersAHandleAndFlags() {
    assertThat(hex(Replies.opened(258, 65))).isEqualTo("02010000000000004100000000000000");
    assertThat(hex(Replies.count(258))).isEqualTo("0201000000000000");
  }

  @Test
  void whatIsNotThereIsRefused() throws Exception {
    FuseRequest request = FuseRequest.of(bytes(LOOKUP));
    assertThatThrownBy(request::nextLong).isInstanceOf(KernelException.class);
    assertThatThrownBy(() -> request.next(-1)).isInstanceOf(KernelException.class);
    assertThatThrownBy(() -> request.skip(5)).isInstanceOf(KernelException.class);
    assertThatThrownBy(() -> request.room(Integer.MAX_VALUE)).isInstanceOf(KernelException.class);
    String unended = LOOKUP.replace("c3a4 00", "c3a4 41");
    assertThatThrownBy(() -> FuseRequest.of(bytes(unended)).nextName())
        .isInstanceOf(KernelException.class);
    String notText = LOOKUP.replace("c3a4 00", "c341 00");
    assertThatThrownBy(() -> FuseRequest.of(bytes(notText)).nextName())
        .isInstanceOfSatisfying(
            KernelException.class, e -> assertThat(e.number()).isEqualTo(KernelException.EILSEQ));
  }

  @Test
  void randomBytesAreRefusedOrRead() {
    Random random = new Random(17);
    for (int i = 0; i < 10_000; i++) {
      byte[] some = new byte[random.nextInt(80)];
      random.nextBytes(some);
      if (some.length >= 4 && random.nextBoolean()) {
        ByteBuffer.wrap(some).order(ByteOrder.LITTLE_ENDIAN).putInt(some.length);
      }
      try {
        FuseRequest request = FuseRequest.of(some);
        request.nextInt();
        request.nextName();
        request.next(random.nextInt(-5, 50));
      } catch (KernelException e) {
        assertThat(e.number()).isPositive();
      }
    }
  }

  @Test
  void mountPointsWithBlanksAreFound() {
    assertThat(MountPoint.unescaped("/mnt/a\\040b\\134c")).isEqualTo("/mnt/a b\\c");
  }
}
