package io.sandstore.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.List;

/**
 * Extended attributes whose names begin with {@code user.}, without that beginning: names of 1 to
 * 250 bytes, values of at most 65,536 bytes.
 */
record UserAttributes(SandAttributes.View view) implements UserDefinedFileAttributeView {

  private static final String PREFIX = "user.";

  @Override
  public String name() {
    return "user";
  }

  private <T> T translated(SandFileSystemProvider.Action<T> action) throws IOException {
    return SandFileSystemProvider.translated(view.called(), action);
  }

  @Override
  public List<String> list() throws IOException {
    return translated(() -> view.xattrs().list()).stream()
        .filter(name -> name.startsWith(PREFIX))
        .map(name -> name.substring(PREFIX.length()))
        .toList();
  }

  byte[] get(String name) throws IOException {
    return translated(() -> view.xattrs().get(PREFIX + name));
  }

  @Override
  public int size(String name) throws IOException {
    return get(name).length;
  }

  /**
   * @throws FileSystemException if there is none of this name, or less room than its value takes
   */
  @Override
  public int read(String name, ByteBuffer into) throws IOException {
    byte[] value = get(name);
    if (value.length > into.remaining()) {
      throw new FileSystemException(
          view.called().toString(), null, "a value of " + value.length + " bytes has no room");
    }
    into.put(value);
    return value.length;
  }

  @Override
  public int write(String name, ByteBuffer from) throws IOException {
    byte[] value = new byte[from.remaining()];
    from.duplicate().get(value);
    translated(
        () -> {
          view.xattrs().set(PREFIX + name, value);
          return true;
        });
    from.position(from.limit());
    return value.length;
  }

  @Override
  public void delete(String name) throws IOException {
    translated(
        () -> {
          view.xattrs().remove(PREFIX + name);
          return true;
        });
  }
}
