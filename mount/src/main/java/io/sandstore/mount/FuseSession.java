package io.sandstore.mount;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel's side of a mount: threads that read its requests, and a virtual thread for each
 * request. Requests with data stay in the piece of memory that they were read into, of which there
 * are {@value #MEMORIES}; when all are in use no more is read.
 */
final class FuseSession {

  private static final Logger LOG = LoggerFactory.getLogger(FuseSession.class);

  /** Bytes of one read or write: what the kernel allows without being told otherwise. */
  static final int IO_BYTES_MAX = 1 << 20;

  private static final int HEADERS_BYTES = 4096;
  private static final int READERS = 2;
  private static final int MEMORIES = 32;

  /** Requests up to this size are copied out, and their memory is free again. */
  private static final int SMALL_BYTES = 16 << 10;

  private static final int BACKGROUND_MAX = 64;

  /** How long a request may take although a signal wants it to end. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** Those that change nothing, so that they can be given up. */
  private static final Set<Integer> HARMLESS =
      Set.of(
          Fuse.LOOKUP,
          Fuse.GETATTR,
          Fuse.READLINK,
          Fuse.READ,
          Fuse.STATFS,
          Fuse.GETXATTR,
          Fuse.LISTXATTR,
          Fuse.OPENDIR,
          Fuse.READDIR,
          Fuse.READDIRPLUS,
          Fuse.GETLK,
          Fuse.ACCESS,
          Fuse.LSEEK);

  /** Carries out requests, several at a time. */
  interface Handler {
    /**
     * @return what follows the header of the answer, from its position to its limit; in the
     *     request's own room, or anywhere
     */
    ByteBuffer handle(FuseRequest request) throws IOException;
  }

  private record Running(Thread thread, int opcode, long sinceNanos) {}

  private final FuseKernel kernel;
  private final int fd;
  private final Handler handler;
  private final long wanted;
  private final BlockingQueue<MemorySegment> memories = new LinkedBlockingQueue<>();
  private final AtomicInteger made = new AtomicInteger();
  private final Map<Long, Running> running = new ConcurrentHashMap<>();
  private final List<Thread> readers = new ArrayList<>();

  /**
   * @param fd of /dev/fuse, mounted
   * @param wanted flags of INIT, of which the kernel knows some
   */
  FuseSession(FuseKernel kernel, int fd, long wanted, Handler handler) {
    this.kernel = kernel;
    this.fd = fd;
    this.wanted = wanted;
    this.handler = handler;
  }

  void start() {
    for (int i = 0; i < READERS; i++) {
      readers.add(Thread.ofPlatform().name("fuse " + i).start(this::read));
    }
  }

  /** Waits until nothing is mounted any more, and what was asked is done. */
  void awaitEnd() throws InterruptedException {
    for (Thread reader : readers) {
      reader.join();
    }
    for (Running left : running.values()) {
      left.thread.join();
    }
  }

  void awaitEndQuietly() {
    try {
      awaitEnd();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private MemorySegment memory() throws InterruptedException {
    MemorySegment free = memories.poll();
    if (free != null) {
      return free;
    }
    if (made.incrementAndGet() <= MEMORIES) {
      return FuseKernel.memory(IO_BYTES_MAX + HEADERS_BYTES);
    }
    made.decrementAndGet();
    return memories.take();
  }

  private void read() {
    try {
      while (true) {
        MemorySegment memory = memory();
        boolean kept = false;
        try {
          long count = kernel.read(fd, memory);
          if (count == -KernelException.ENODEV || count == -KernelException.EBADF) {
            return;
          }
          if (count > 0) {
            kept = take(memory, count);
          } else if (count != -KernelException.ENOENT
              && count != -KernelException.EINTR
              && count != -KernelException.EAGAIN) {
            LOG.error("/dev/fuse: error {}: no more requests are read", -count);
            return;
          }
        } finally {
          if (!kept) {
            memories.add(memory);
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** True if the request keeps the memory until it is answered. */
  private boolean take(MemorySegment memory, long count) {
    try {
      int opcode = memory.get(ValueLayout.JAVA_INT, 4);
      boolean keeps = opcode == Fuse.READ || count > SMALL_BYTES;
      FuseRequest request =
          keeps
              ? FuseRequest.in(memory, count)
              : FuseRequest.of(memory.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE));
      if (opcode == Fuse.FORGET || opcode == Fuse.BATCH_FORGET) {
        return false; // nothing is remembered of an inode, and nobody waits
      }
      if (opcode == Fuse.INTERRUPT) {
        interrupt(request);
        return false;
      }
      Thread thread = Thread.ofVirtual().unstarted(() -> run(request));
      running.put(request.unique(), new Running(thread, opcode, System.nanoTime()));
      thread.start();
      return keeps;
    } catch (KernelException e) {
      LOG.error("from the kernel: {}", e.getMessage());
      return false;
    }
  }

  private void interrupt(FuseRequest request) throws KernelException {
    long unique = request.nextLong();
    Running target = running.get(unique);
    if (target == null) {
      answer(request.unique(), -KernelException.EAGAIN, Replies.NOTHING, null); // over, or not yet
    } else if (target.opcode == Fuse.SETLKW) {
      target.thread.interrupt();
    } else if (HARMLESS.contains(target.opcode)) {
      Thread.startVirtualThread(() -> interruptLater(unique, target));
    }
  }

  /** A timer's signal is no reason to end what takes milliseconds. */
  private void interruptLater(long unique, Running target) {
    try {
      Thread.sleep(PATIENCE.minusNanos(System.nanoTime() - target.sinceNanos));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (target.equals(running.get(unique))) {
      target.thread.interrupt();
    }
  }

  private void run(FuseRequest request) {
    int error = 0;
    ByteBuffer payload = Replies.NOTHING;
    try {
      payload = request.opcode() == Fuse.INIT ? begin(request) : handler.handle(request);
    } catch (IOException e) {
      error = number(e);
      LOG.debug("operation {} of inode {}: {}", request.opcode(), request.node(), e.toString());
    } catch (RuntimeException e) {
      error = KernelException.EIO;
      LOG.error("operation {} of inode {}", request.opcode(), request.node(), e);
    } finally {
      running.remove(request.unique());
      answer(request.unique(), -error, error == 0 ? payload : Replies.NOTHING, request.memory());
      MemorySegment memory = request.memory();
      if (memory != null) {
        memories.add(memory);
      }
    }
  }

  /** The error of Linux that says best what happened. */
  static int number(IOException e) {
    return switch (e) {
      case KernelException own -> own.number();
      case PosixException posix -> number(posix.errno());
      case InterruptedIOException interrupted -> KernelException.EINTR;
      default -> KernelException.EIO;
    };
  }

  private static int number(Errno errno) {
    return switch (errno) {
      case EPROTO -> KernelException.EOPNOTSUPP; // the cluster is of a release without it
      case ETIMEDOUT, NOT_PRIMARY, SESSION_EXPIRED, MISMATCH, UNRECOGNIZED, OK ->
          KernelException.EIO;
      default -> errno.getNumber();
    };
  }

  private void answer(
      long unique,
      int error,
      ByteBuffer payload,
      @org.jspecify.annotations.Nullable MemorySegment own) {
    int length = Fuse.OUT_HEADER_BYTES + payload.remaining();
    boolean inPlace = own != null && payload.isDirect();
    MemorySegment out = own != null ? own : FuseKernel.memory(length);
    ByteBuffer bytes = out.asByteBuffer().order(ByteOrder.nativeOrder());
    bytes.putInt(length).putInt(error).putLong(unique);
    if (!inPlace) {
      bytes.put(payload);
    }
    long written = kernel.write(fd, out, length);
    if (written < 0 && written != -KernelException.ENOENT && written != -KernelException.ENODEV) {
      LOG.error("/dev/fuse: error {} for an answer of {} bytes", -written, length);
    }
  }

  /** What this end and the kernel agree upon. */
  private ByteBuffer begin(FuseRequest request) throws KernelException {
    int major = request.nextInt();
    int minor = request.nextInt();
    int readAhead = request.nextInt();
    long offered = Integer.toUnsignedLong(request.nextInt());
    if (major != Fuse.MAJOR || minor < Fuse.MINOR_MIN) {
      LOG.error("the kernel speaks FUSE {}.{}; 7.31 is needed (Linux 5.4)", major, minor);
      throw new KernelException(KernelException.EOPNOTSUPP, "too old a kernel");
    }
    if ((offered & Fuse.INIT_EXT) != 0) {
      offered |= Integer.toUnsignedLong(request.nextInt()) << 32;
    }
    long agreed = offered & wanted;
    LOG.info("FUSE {}.{}, flags {}", major, minor, Long.toHexString(agreed));
    ByteBuffer out = Replies.buffer(64);
    out.putInt(Fuse.MAJOR).putInt(Math.min(minor, Fuse.MINOR)).putInt(readAhead);
    out.putInt((int) agreed);
    out.putShort((short) BACKGROUND_MAX).putShort((short) (BACKGROUND_MAX * 3 / 4));
    out.putInt(IO_BYTES_MAX).putInt(1);
    out.putShort((short) (IO_BYTES_MAX / kernel.pageSize())).putShort((short) 0);
    out.putInt((int) (agreed >>> 32));
    return out.position(64).flip();
  }
}
