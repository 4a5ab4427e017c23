package io.sandstore.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/**
 * Whole encodings, and the same with damage: where fuzzing begins, and what every test run tries.
 */
public final class Seeds {

  private static final int MUTANTS = 300;

  private Seeds() {}

  /** The fixture of a format, as a module keeps it. */
  public static byte[] fixture(String module, String name) throws IOException {
    return Files.readAllBytes(Path.of("..", module, "src/test/resources/formats", name));
  }

  public static Stream<Arguments> mutated(byte[] whole) {
    return Stream.concat(
        Stream.of(Arguments.of((Object) whole)),
        IntStream.range(0, MUTANTS).mapToObj(seed -> Arguments.of((Object) mutate(whole, seed))));
  }

  private static byte[] mutate(byte[] whole, int seed) {
    Random random = new Random(seed);
    byte[] mutant = whole.clone();
    // The headers at the begin decide most: half of the damage goes there.
    int range = random.nextBoolean() ? Math.min(64, mutant.length) : mutant.length;
    for (int i = random.nextInt(4); i >= 0; i--) {
      int at = random.nextInt(range);
      switch (random.nextInt(4)) {
        case 0 -> mutant[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> mutant[at] = (byte) 0xff;
        case 2 -> mutant[at] = (byte) random.nextInt();
        default -> mutant = Arrays.copyOf(mutant, at + 1);
      }
      range = Math.min(range, mutant.length);
    }
    return mutant;
  }
}
