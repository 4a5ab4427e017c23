package io.sandstore.chaos;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Random;
import java.util.Set;

/** Does one operation after the other, and says what came back. */
final class Client {

  private static final Set<OpenFlag> NEW =
      EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL);
  private static final String ATTRIBUTE = "user.chaos";
  private static final int RECORD_BYTES = Integer.BYTES + Long.BYTES;

  private final int number;
  private final SandstoreClient store;

  Client(int number, SandstoreClient store) {
    this.number = number;
    this.store = store;
  }

  /**
   * Asks.
   *
   * @param base the partition's directory, or the file itself
   * @param fileBytes size of a register
   */
  Operation run(
      String base, Operation.Kind kind, String path, String other, int value, int fileBytes) {
    String full = path.isEmpty() ? base : base + "/" + path;
    long called = System.nanoTime();
    Optional<String> result;
    try {
      result =
          Optional.of(
              switch (kind) {
                case CREATE -> {
                  store.open(full, NEW, value).close();
                  yield Operation.OK;
                }
                case MKDIR -> {
                  store.mkdir(full, value);
                  yield Operation.OK;
                }
                case UNLINK -> {
                  store.unlink(full);
                  yield Operation.OK;
                }
                case RMDIR -> {
                  store.rmdir(full);
                  yield Operation.OK;
                }
                case RENAME -> {
                  store.rename(full, base + "/" + other);
                  yield Operation.OK;
                }
                case LINK -> {
                  store.link(full, base + "/" + other);
                  yield Operation.OK;
                }
                case EXCHANGE -> {
                  store.exchange(full, base + "/" + other);
                  yield Operation.OK;
                }
                case SET_ATTRIBUTE -> {
                  byte[] text = Integer.toString(value).getBytes(StandardCharsets.US_ASCII);
                  store.xattrs(full).set(ATTRIBUTE, text);
                  yield Operation.OK;
                }
                case GET_ATTRIBUTE ->
                    Operation.saw(
                        new String(store.xattrs(full).get(ATTRIBUTE), StandardCharsets.US_ASCII));
                case STAT -> Operation.saw(node(store.stat(full)));
                case LIST -> Operation.saw(list(full));
                case SET -> set(full, value, fileBytes);
                case PUNCH -> punch(full, fileBytes);
                case APPEND -> append(full, value);
                case GET -> Operation.saw(fileBytes > 0 ? get(full, fileBytes) : records(full));
              });
    } catch (PosixException e) {
      result = definite(e);
    } catch (IOException e) {
      result = Optional.empty();
    }
    return new Operation(number, kind, path, other, value, result, called, System.nanoTime());
  }

  /** A refusal for want of space or an answer may follow an attempt that was carried out. */
  private static Optional<String> definite(PosixException e) {
    return switch (e.errno()) {
      case ENOENT, EEXIST, ENOTDIR, EISDIR, EINVAL, ENOTEMPTY, EPERM, ENODATA ->
          Optional.of(e.errno().name());
      default -> Optional.empty();
    };
  }

  private static String node(FileStat stat) {
    return TreeModel.text(stat.isDirectory(), stat.mode(), stat.links());
  }

  private String list(String path) throws IOException {
    StringBuilder names = new StringBuilder();
    for (DirectoryPage.Entry entry : store.readdir(path)) {
      names.append(entry.name()).append('=').append(node(entry.stat())).append(' ');
    }
    return names.toString();
  }

  // --- Content ---

  static byte[] content(int value, int bytes) {
    byte[] content = new byte[bytes];
    new Random(31L * value + bytes).nextBytes(content);
    ByteBuffer.wrap(content).putInt(0, value);
    return content;
  }

  private String set(String path, int value, int bytes) throws IOException {
    try (SandFile file = store.open(path, EnumSet.of(OpenFlag.O_WRONLY), 0)) {
      file.write(ByteBuffer.wrap(content(value, bytes)));
      file.fsync();
    }
    return Operation.OK;
  }

  private String punch(String path, int bytes) throws IOException {
    try (SandFile file = store.open(path, EnumSet.of(OpenFlag.O_WRONLY), 0)) {
      file.punchHole(0, bytes);
    }
    return Operation.OK;
  }

  /** A register's value; said in words if its bytes are not those of one write. */
  private String get(String path, int bytes) throws IOException {
    byte[] found = read(path);
    if (found.length != bytes) {
      return "WRONG: %d bytes instead of %d".formatted(found.length, bytes);
    }
    if (Arrays.equals(found, new byte[bytes])) {
      return Integer.toString(RegisterModel.HOLE);
    }
    int value = ByteBuffer.wrap(found).getInt(0);
    int at = Arrays.mismatch(found, content(value, bytes));
    return at < 0 ? Integer.toString(value) : "WRONG: value %d, differs at %d".formatted(value, at);
  }

  private String append(String path, int value) throws IOException {
    Set<OpenFlag> flags = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_APPEND);
    try (SandFile file = store.open(path, flags, 0)) {
      file.write(ByteBuffer.allocate(RECORD_BYTES).putInt(value).putLong(~(long) value).flip());
      file.fsync();
    }
    return Operation.OK;
  }

  private String records(String path) throws IOException {
    ByteBuffer found = ByteBuffer.wrap(read(path));
    StringBuilder records = new StringBuilder();
    while (found.remaining() >= RECORD_BYTES) {
      int value = found.getInt();
      records.append(found.getLong() == ~(long) value ? "" : "WRONG:").append(value).append(' ');
    }
    return found.hasRemaining() ? "WRONG: torn after " + records : records.toString();
  }

  private byte[] read(String path) throws IOException {
    try (SandFile file = store.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(file.stat().size()));
      while (all.hasRemaining() && file.read(all) > 0) {
        // Until all is there.
      }
      return all.array();
    }
  }
}
