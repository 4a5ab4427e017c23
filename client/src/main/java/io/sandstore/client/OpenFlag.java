package io.sandstore.client;

/** How to open a file, as open(2) has it. Exactly one of the first three. */
public enum OpenFlag {
  O_RDONLY,
  O_WRONLY,
  O_RDWR,
  /** Make the file if it is not there. */
  O_CREAT,
  /** With O_CREAT: fail with EEXIST if it is there. */
  O_EXCL,
  /** Drop what is in it. Needs to write. */
  O_TRUNC,
  /** Every write goes to the end as it is when the write becomes visible, atomically. */
  O_APPEND
}
