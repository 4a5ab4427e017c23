package io.sandstore.cli;

import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Parts of files. */
final class ReadCommands {

  private static final int PIECE_BYTES = 64 << 10;
  private static final long STANDARD_LINES = 10;

  private ReadCommands() {}

  private static SandFile open(SandstoreClient client, String path) throws IOException {
    return client.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0);
  }

  /** What both have. */
  abstract static class Part extends FileCommand {
    @Option(
        names = {"-n", "--lines"},
        paramLabel = "LINES",
        description = "so many lines (default: 10)")
    long lines = -1;

    @Option(
        names = {"-c", "--bytes"},
        paramLabel = "BYTES",
        description = "so many bytes instead")
    long bytes = -1;

    void check() {
      if (lines < -1 || bytes < -1 || (lines >= 0 && bytes >= 0)) {
        throw new IllegalArgumentException("-n or -c, one of them, and not less than 0");
      }
      if (lines < 0 && bytes < 0) {
        lines = STANDARD_LINES;
      }
    }

    static void title(List<String> all, String path) {
      if (all.size() > 1) {
        System.out.printf("==> %s <==%n", path);
      }
    }
  }

  @Command(name = "head", mixinStandardHelpOptions = true)
  static final class Head extends Part {
    @Parameters(arity = "1..*", paramLabel = "PATH", description = "paths or patterns")
    List<String> paths = List.of();

    @Override
    void run(SandstoreClient client) throws IOException {
      check();
      List<String> all = Patterns.expand(client, paths);
      for (String path : all) {
        title(all, path);
        try (SandFile file = open(client, path)) {
          show(file);
        }
      }
    }

    private void show(SandFile file) throws IOException {
      byte[] piece = new byte[PIECE_BYTES];
      long linesLeft = lines;
      long bytesLeft = bytes;
      while (lines >= 0 ? linesLeft > 0 : bytesLeft > 0) {
        int most = lines >= 0 ? piece.length : (int) Math.min(piece.length, bytesLeft);
        int count = file.read(ByteBuffer.wrap(piece, 0, most));
        if (count < 0) {
          return;
        }
        int end = 0;
        if (lines < 0) {
          end = count;
          bytesLeft -= count;
        }
        while (lines >= 0 && end < count && linesLeft > 0) {
          if (piece[end++] == '\n') {
            linesLeft--;
          }
        }
        System.out.write(piece, 0, end);
        if (System.out.checkError()) {
          return;
        }
      }
    }
  }

  @Command(
      name = "tail",
      description = {
        "With -f it goes on until interrupted, and shows what is added: asks once a second, begins",
        "anew when the file is cut or another one has its name, waits when there is none."
      },
      mixinStandardHelpOptions = true)
  static final class Tail extends Part {
    @Parameters(arity = "1..*", paramLabel = "PATH", description = "paths or patterns")
    List<String> paths = List.of();

    @Option(
        names = {"-f", "--follow"},
        description = "show what is added; one file only")
    boolean follow;

    @Option(
        names = "--interval",
        paramLabel = "MS",
        description = "with -f, how long to wait between questions (default: ${DEFAULT-VALUE})")
    int intervalMs = 1000;

    private long inode;
    private long shown;

    @Override
    void run(SandstoreClient client) throws IOException, InterruptedException {
      check();
      List<String> all = Patterns.expand(client, paths);
      if (follow && (all.size() != 1 || intervalMs < 1)) {
        throw new IllegalArgumentException("-f takes one file, and an interval of 1 ms at least");
      }
      for (String path : all) {
        title(all, path);
        try (SandFile file = open(client, path)) {
          FileStat stat = file.stat();
          inode = stat.inode();
          shown = begin(file, stat.size());
          show(file);
        }
      }
      while (follow && !System.out.checkError()) {
        Thread.sleep(Duration.ofMillis(intervalMs));
        more(client, all.getFirst());
      }
    }

    private void more(SandstoreClient client, String path) throws IOException {
      FileStat stat;
      try {
        stat = client.stat(path);
      } catch (PosixException e) {
        if (e.errno() == Errno.ENOENT) {
          return; // perhaps there will be one
        }
        throw e;
      }
      if (stat.inode() != inode || stat.size() < shown) {
        inode = stat.inode();
        shown = 0;
      }
      if (stat.size() > shown) {
        try (SandFile file = open(client, path)) {
          show(file);
        }
      }
    }

    private void show(SandFile file) throws IOException {
      byte[] piece = new byte[PIECE_BYTES];
      int count;
      while ((count = file.read(ByteBuffer.wrap(piece), shown)) >= 0 && !System.out.checkError()) {
        System.out.write(piece, 0, count);
        shown += count;
      }
      System.out.flush();
    }

    /** Where what is to be shown begins. */
    private long begin(SandFile file, long size) throws IOException {
      if (lines < 0) {
        return Math.max(0, size - bytes);
      }
      if (lines == 0) {
        return size;
      }
      byte[] piece = new byte[PIECE_BYTES];
      long ends = 0;
      for (long end = size; end > 0; ) {
        int length = (int) Math.min(piece.length, end);
        long begin = end - length;
        int count = readFully(file, piece, length, begin);
        for (int i = count - 1; i >= 0; i--) {
          // The end of the last line ends nothing that is shown.
          if (piece[i] == '\n' && begin + i < size - 1 && ++ends == lines) {
            return begin + i + 1;
          }
        }
        end = begin;
      }
      return 0;
    }

    private static int readFully(SandFile file, byte[] into, int length, long offset)
        throws IOException {
      ByteBuffer buffer = ByteBuffer.wrap(into, 0, length);
      while (buffer.hasRemaining() && file.read(buffer, offset + buffer.position()) > 0) {
        // Until all is there, or the file was cut.
      }
      return buffer.position();
    }
  }
}
