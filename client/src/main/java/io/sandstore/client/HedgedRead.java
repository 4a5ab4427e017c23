package io.sandstore.client;

import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.rpc.DamagedException;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Header;
import io.sandstore.wire.ReadBlock;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A part of a block that was asked of one holder. If that takes longer than usual, or fails, a
 * second one is asked as well, and whoever answers first wins; a holder that was overtaken is
 * suspect from then on. One caller waits for it, once, or gives it up.
 */
final class HedgedRead {

  private final Host host;
  private final HedgeDelay hedges;
  private final ReadBlock part;
  private final Deadline limit;
  private final Attempt first;

  HedgedRead(Host host, HedgeDelay hedges, ReadBlock part, RpcClient holder, Deadline limit) {
    this.host = host;
    this.hedges = hedges;
    this.part = part;
    this.limit = limit;
    this.first = new Attempt(holder);
  }

  /**
   * The answer, to be released by the caller.
   *
   * @param other whom else to ask, given who was asked first
   * @throws PosixException if a holder refused
   * @throws DamagedException if the bytes are not what the holder's checksums say
   * @throws IOException if nobody answered in time
   */
  Frame await(Function<RpcClient, Optional<RpcClient>> other)
      throws IOException, InterruptedException {
    List<Attempt> attempts = new ArrayList<>(List.of(first));
    @Nullable Attempt winner = null;
    try {
      if (first.arrivesWithin(untilHedge())) {
        winner = first;
      } else {
        if (hedges.mayHedge()) {
          other.apply(first.peer).ifPresent(second -> attempts.add(new Attempt(second)));
        }
        winner = firstToArrive(attempts);
        for (Attempt overtaken : attempts) {
          if (overtaken != winner) {
            overtaken.peer.failed();
          }
        }
      }
      return winner.answer();
    } finally {
      for (Attempt loser : attempts) {
        if (loser != winner) {
          loser.giveUp();
        }
      }
    }
  }

  /** Nobody waits for it. */
  void giveUp() {
    first.giveUp();
  }

  private Duration untilHedge() {
    Duration passed = Duration.ofNanos(host.clock().nanos() - first.begunNanos);
    Duration rest = hedges.delay().minus(passed);
    return limit.leftAtMost(rest.isNegative() ? Duration.ZERO : rest);
  }

  private Attempt firstToArrive(List<Attempt> attempts) throws IOException, InterruptedException {
    CompletableFuture<Attempt> race = new CompletableFuture<>();
    CompletableFuture<?>[] all =
        attempts.stream().map(a -> a.arrival).toArray(CompletableFuture[]::new);
    for (Attempt attempt : attempts) {
      attempt.arrival.thenAccept(call -> race.complete(attempt));
    }
    CompletableFuture.allOf(all)
        .whenComplete(
            (done, failure) -> {
              if (failure != null) {
                race.completeExceptionally(failure); // unless one arrived: then it is complete
              }
            });
    try {
      return host.clock().await(race, limit.left());
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new LostException("no holder answers: " + cause.getMessage(), cause);
    } catch (TimeoutException e) {
      attempts.forEach(attempt -> attempt.peer.failed());
      throw new LostException("no holder of block " + part.getBlock() + " answers in time", e);
    }
  }

  /** One holder, asked. */
  private final class Attempt {
    final RpcClient peer;
    final long begunNanos = host.clock().nanos();

    /** Done when the answer is here, or will not come. */
    final CompletableFuture<RpcClient.Call> arrival = new CompletableFuture<>();

    private RpcClient.@Nullable Call call;
    private boolean givenUp;

    Attempt(RpcClient peer) {
      this.peer = peer;
      int lane = peer.bulkLane();
      if (peer.isOpen(lane)) {
        begin(lane);
      } else {
        host.threads().start("dial", () -> begin(lane)); // which may take as long as it likes
      }
    }

    private void begin(int lane) {
      try {
        Header.Builder request = Header.newBuilder().setReadBlock(part);
        RpcClient.Call begun = peer.begin(lane, request, Frame.NO_PAYLOAD, limit);
        synchronized (this) {
          call = begun;
          if (givenUp) {
            begun.giveUp();
          }
        }
        begun.onArrival(failure -> arrived(begun, failure));
      } catch (IOException e) {
        arrival.completeExceptionally(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        arrival.completeExceptionally(e);
      }
    }

    private void arrived(RpcClient.Call begun, @Nullable Throwable failure) {
      if (failure == null) {
        hedges.answered(host.clock().nanos() - begunNanos);
        arrival.complete(begun);
      } else {
        arrival.completeExceptionally(failure);
      }
    }

    /** False if it is late, or failed. */
    boolean arrivesWithin(Duration patience) throws InterruptedException {
      try {
        host.clock().await(arrival, patience);
        return true;
      } catch (ExecutionException | TimeoutException e) {
        return false;
      }
    }

    Frame answer() throws IOException, InterruptedException {
      return arrival.resultNow().await();
    }

    synchronized void giveUp() {
      givenUp = true;
      if (call != null) {
        call.giveUp();
      }
    }
  }
}
