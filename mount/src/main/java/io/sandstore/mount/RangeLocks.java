package io.sandstore.mount;

import io.sandstore.client.LockHolder;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Locks of fcntl(2), which belong to a process and not to what it has open: for each process and
 * file there is a handle in the cluster that has them, until the process closes the file.
 */
final class RangeLocks {

  private record Owner(long inode, long process) {}

  private final SandstoreClient client;
  private final Map<Owner, SandFile> holders = new ConcurrentHashMap<>();

  RangeLocks(SandstoreClient client) {
    this.client = client;
  }

  /**
   * @param process as the kernel names it
   * @param last offset of the last byte, or the highest there is
   * @return false if somebody else has it
   */
  boolean lock(long inode, long process, long start, long last, boolean shared, boolean wait)
      throws IOException {
    SandFile holder = holder(new Owner(inode, process));
    return holder.lock(start, length(start, last), shared, wait ? SandFile.FOREVER : Duration.ZERO);
  }

  private SandFile holder(Owner owner) throws IOException {
    SandFile known = holders.get(owner);
    if (known != null) {
      return known;
    }
    // The kernel has looked whether the program may: here it is asked for nobody.
    SandFile opened = client.open(owner.inode, EnumSet.of(OpenFlag.O_RDWR));
    SandFile first = holders.putIfAbsent(owner, opened);
    if (first != null) {
      opened.close();
    }
    return first == null ? opened : first;
  }

  void unlock(long inode, long process, long start, long last) throws IOException {
    SandFile holder = holders.get(new Owner(inode, process));
    if (holder != null) {
      holder.unlock(start, length(start, last));
    }
  }

  /** A process closed the file: all its locks of it go, as POSIX has it. */
  void release(long inode, long process) throws IOException {
    SandFile holder = holders.remove(new Owner(inode, process));
    if (holder != null) {
      holder.close();
    }
  }

  /**
   * Refuses what is done under a lock that was lost.
   *
   * @throws io.sandstore.rpc.PosixException ESTALE
   */
  void check(long inode, long process) throws IOException {
    SandFile holder = holders.isEmpty() ? null : holders.get(new Owner(inode, process));
    if (holder != null) {
      holder.checkLocks();
    }
  }

  /** A lock of somebody else's that is in the way. */
  Optional<LockHolder> inTheWay(OpenFile asks, long process, long start, long last, boolean shared)
      throws IOException {
    SandFile holder = holders.getOrDefault(new Owner(asks.inode(), process), asks.file());
    return holder.locks(start, length(start, last)).stream()
        .filter(lock -> !lock.own() && !lock.waiting() && !lock.whole())
        .filter(lock -> !(shared && lock.shared()))
        .findFirst();
  }

  private static long length(long start, long last) {
    return last == Long.MAX_VALUE ? 0 : last - start + 1;
  }

  void closeAll() {
    for (Owner owner : holders.keySet()) {
      try {
        release(owner.inode, owner.process);
      } catch (IOException e) {
        // They end with the session.
      }
    }
  }
}
