package io.sandstore.mount;

import java.io.IOException;

/** An error by its number in Linux: what the kernel said, or what it is to be told. */
final class KernelException extends IOException {

  private static final long serialVersionUID = 1;

  static final int EPERM = 1;
  static final int ENOENT = 2;
  static final int EINTR = 4;
  static final int EIO = 5;
  static final int EBADF = 9;
  static final int EAGAIN = 11;
  static final int EBUSY = 16;
  static final int ENODEV = 19;
  static final int EINVAL = 22;
  static final int ENOTTY = 25;
  static final int ERANGE = 34;
  static final int ENOSYS = 38;
  static final int ESTALE = 116;
  static final int EILSEQ = 84;
  static final int EOPNOTSUPP = 95;

  private final int number;

  KernelException(int number, String message) {
    super(message);
    this.number = number;
  }

  int number() {
    return number;
  }
}
