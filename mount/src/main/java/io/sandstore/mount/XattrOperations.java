package io.sandstore.mount;

import io.sandstore.client.ExtendedAttributes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Extended attributes. Access control lists are refused: the store would keep them and not obey.
 */
final class XattrOperations {

  private XattrOperations() {}

  static ByteBuffer handle(FuseRequest request, ExtendedAttributes attributes) throws IOException {
    return switch (request.opcode()) {
      case Fuse.SETXATTR -> set(request, attributes);
      case Fuse.GETXATTR -> {
        int room = request.nextInt();
        yield sized(attributes.get(name(request.skip(4))), room);
      }
      case Fuse.LISTXATTR -> {
        int room = request.nextInt();
        StringBuilder all = new StringBuilder();
        attributes.list().forEach(name -> all.append(name).append('\0'));
        yield sized(all.toString().getBytes(StandardCharsets.UTF_8), room);
      }
      default -> {
        attributes.remove(name(request));
        yield Replies.NOTHING;
      }
    };
  }

  private static String name(FuseRequest request) throws KernelException {
    String name = request.nextName();
    if (name.startsWith("system.")) {
      throw new KernelException(KernelException.EOPNOTSUPP, "no " + name);
    }
    return name;
  }

  private static ByteBuffer set(FuseRequest request, ExtendedAttributes attributes)
      throws IOException {
    int size = request.nextInt();
    int flags = request.nextInt();
    String name = name(request);
    byte[] value = new byte[Math.clamp(size, 0, FuseSession.IO_BYTES_MAX)];
    request.next(size).get(value);
    switch (flags) {
      case 0 -> attributes.set(name, value);
      case Fuse.XATTR_CREATE -> attributes.create(name, value);
      case Fuse.XATTR_REPLACE -> attributes.replace(name, value);
      default -> throw new KernelException(KernelException.EINVAL, "flags " + flags);
    }
    return Replies.NOTHING;
  }

  /** The bytes, or how many they are if the caller has no room at all. */
  private static ByteBuffer sized(byte[] bytes, int room) throws KernelException {
    if (room == 0) {
      return Replies.count(bytes.length);
    }
    if (bytes.length > Integer.toUnsignedLong(room)) {
      throw new KernelException(KernelException.ERANGE, "%d bytes".formatted(bytes.length));
    }
    return ByteBuffer.wrap(bytes);
  }
}
