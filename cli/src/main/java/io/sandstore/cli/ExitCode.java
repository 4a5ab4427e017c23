package io.sandstore.cli;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** How a command ends: the numbers of sysexits.h, and the shell's own. The only table of them. */
enum ExitCode {
  DONE(0, "done"),
  REFUSED(1, "refused; the message says why"),
  USAGE(64, "wrong usage; nothing was done"),
  DATA(65, "a check found a difference, or something cannot be copied as it is"),
  NOT_FOUND(66, "no such file or directory"),
  UNAVAILABLE(69, "the cluster cannot be reached, does not answer in time, or has no primary"),
  INTERNAL(70, "a fault of this program"),
  NOT_CREATED(73, "what is there already is in the way"),
  IO(74, "bytes could not be read or written: a full disk, a closed file"),
  TRY_AGAIN(75, "refused for now; try again"),
  NOT_PERMITTED(77, "not permitted"),
  OUTPUT_CLOSED(141, "the reader of standard output went away");

  private final int number;
  private final String meaning;

  ExitCode(int number, String meaning) {
    this.number = number;
    this.meaning = meaning;
  }

  int number() {
    return number;
  }

  String meaning() {
    return meaning;
  }

  /** {@link #INTERNAL} for what no command should end with. */
  static ExitCode of(Exception e) {
    return switch (e) {
      case PosixException posix -> of(posix.errno());
      case NotCopiedException data -> DATA;
      case NoSuchFileException missing -> NOT_FOUND;
      case AccessDeniedException denied -> NOT_PERMITTED;
      case FileAlreadyExistsException there -> NOT_CREATED;
      case DirectoryNotEmptyException there -> NOT_CREATED;
      case NotDirectoryException there -> NOT_CREATED;
      case FileSystemException local -> IO;
      case IOException io -> UNAVAILABLE;
      case IllegalArgumentException usage -> USAGE;
      default -> INTERNAL;
    };
  }

  private static ExitCode of(Errno errno) {
    return switch (errno) {
      case ENOENT -> NOT_FOUND;
      case EPERM, EACCES -> NOT_PERMITTED;
      case EEXIST, EISDIR, ENOTDIR, ENOTEMPTY -> NOT_CREATED;
      case EIO, ENOSPC, EFBIG -> IO;
      case ETIMEDOUT -> UNAVAILABLE;
      case EAGAIN -> TRY_AGAIN;
      default -> REFUSED;
    };
  }
}
