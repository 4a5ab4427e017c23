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
  O_APPEND,
  /**
   * Fail with ELOOP if the last name is a symbolic link. Together with O_CREAT or O_TRUNC the
   * cluster has to be at feature level 3; below it the link is followed.
   */
  O_NOFOLLOW,
  /**
   * Fail with ENOTDIR if it is no directory. What is opened can be looked at, changed in its
   * attributes and closed, but not read; see {@link SandstoreClient#openDirectory} for a directory
   * in which names are looked up.
   */
  O_DIRECTORY,
  /**
   * Close-to-open consistency, as NFS has it, for files that are read at once and seldom changed: a
   * file of at most 128 KiB may come with the answer to open, in one round trip, and this handle's
   * reads then show it as it was when it was opened. Of all other files every read shows what is
   * there when it begins. Only with O_RDONLY; not with O_TRUNC or O_CREAT.
   */
  O_AS_OPENED
}
