package io.sandstore.host;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * The checksum of blocks and payloads. Every pass over their bytes is made here, and told, so that
 * one too many is seen.
 */
public final class Crc32c {

  /** Castagnoli's polynomial, lowest power first: x^0 is the highest bit. */
  private static final int POLYNOMIAL = 0x82F63B78;

  private static final int ONE = 1 << 31;
  private static final int X_TO_THE_8TH = 1 << (31 - 8);

  private Crc32c() {}

  /** Of what remains, whose position stays. One pass. */
  public static int of(ByteBuffer bytes, Telemetry telemetry) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.duplicate());
    telemetry.summed(bytes.remaining());
    return (int) crc.getValue();
  }

  /**
   * What turns the checksum of some bytes into their share of that of a longer run, for {@link
   * #combine}: x^(8 * length) modulo the polynomial.
   *
   * @param length of the bytes that follow them, not negative
   */
  static int shift(int length) {
    int power = ONE;
    int square = X_TO_THE_8TH;
    for (int left = length; left != 0; left >>>= 1) {
      power = (left & 1) == 1 ? multiply(square, power) : power;
      square = multiply(square, square);
    }
    return power;
  }

  /**
   * The checksum of two runs of bytes, one behind the other, without a look at them: as {@code
   * crc32_combine_op} of zlib 1.3.1, crc32.c, with the polynomial of CRC32C.
   *
   * @param shift of the second one's length
   */
  static int combine(int first, int second, int shift) {
    return multiply(shift, first) ^ second;
  }

  /** The product of two polynomials over GF(2), modulo ours: {@code multmodp} of zlib. */
  private static int multiply(int a, int b) {
    int product = 0;
    int shifted = b;
    for (int bit = ONE; bit != 0; bit >>>= 1) {
      product ^= (a & bit) == 0 ? 0 : shifted;
      shifted = shifted >>> 1 ^ ((shifted & 1) == 0 ? 0 : POLYNOMIAL);
    }
    return product;
  }
}
