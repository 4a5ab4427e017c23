package io.sandstore.node;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.namespace.Namespace;
import io.sandstore.replication.Cluster;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Route;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;
import io.sandstore.wire.Header;
import io.sandstore.wire.LockFile;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.Watch;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * Brings commands and queries to where they are carried out, so that any node is a correct entry.
 * While that is nowhere it waits, up to the caller's deadline. Trying again is safe: a command is
 * applied once under its id.
 */
final class Router implements Cluster {

  private static final Duration RETRY = Duration.ofMillis(15);
  private static final Duration FORWARD_LIMIT = Duration.ofSeconds(2);

  /** Who cannot know what is newest says so in time, where others may know. */
  private static final Duration KNOWING_LIMIT = Duration.ofSeconds(1);

  /** Clients that wait for changes here at a time. */
  private static final int WATCHES_MAX = 1024;

  /** Longest wait for one: less than it takes to be thought silent. */
  private static final Duration WATCH_MAX = Duration.ofMillis(1500);

  /** How often one who watches is told something at most, so that many of them cost little. */
  private static final Duration WATCH_PAUSE = Duration.ofMillis(20);

  private final Semaphore watches = new Semaphore(WATCHES_MAX);
  private final String self;
  private final Clock clock;
  private final Peers peers;
  private final CommandLog log;
  private final Namespace namespace;
  private final BlockHolds holds;
  private final Supplier<String> lacks;
  private final CacheUses uses;
  private final boolean othersAnswer;

  /**
   * @param holds told of what clients hold while commands are proposed here
   * @param lacks what this node has too little of for anything but removal; empty: nothing
   * @param uses told of what clients use
   * @param othersAnswer queries, without this node: who asks it has others to ask
   */
  Router(
      String self,
      Clock clock,
      Peers peers,
      CommandLog log,
      Namespace namespace,
      BlockHolds holds,
      Supplier<String> lacks,
      CacheUses uses,
      boolean othersAnswer) {
    this.self = self;
    this.clock = clock;
    this.peers = peers;
    this.log = log;
    this.namespace = namespace;
    this.holds = holds;
    this.lacks = lacks;
    this.uses = uses;
    this.othersAnswer = othersAnswer;
  }

  @Override
  public String self() {
    return self;
  }

  @Override
  public RpcClient peer(String name) throws IOException {
    return peers.get(name);
  }

  @Override
  public Outcome mutate(Command command, Deadline deadline)
      throws IOException, InterruptedException {
    return mutateRouted(Mutate.newBuilder().setCommand(command).build(), deadline).getOutcome();
  }

  /** The answer to a client, which is not built before all is in it. */
  Header.Builder mutateRouted(Mutate mutate, Deadline deadline)
      throws IOException, InterruptedException {
    Supplier<Header.Builder> forward =
        () -> Header.newBuilder().setMutate(mutate.toBuilder().setForwarded(true));
    return route(log::commands, deadline, () -> mutateHere(mutate, deadline), forward);
  }

  @Override
  public Answer ask(Query query, Deadline deadline) throws IOException, InterruptedException {
    return askRouted(Ask.newBuilder().setQuery(query).build(), deadline).getAnswer();
  }

  /** The answer to a client, which is not built before all is in it. */
  Header.Builder askRouted(Ask ask, Deadline deadline) throws IOException, InterruptedException {
    Supplier<Header.Builder> forward =
        () -> Header.newBuilder().setAsk(ask.toBuilder().setForwarded(true).clearFirstBytes());
    Deadline limit =
        othersAnswer && !ask.getQuery().hasWatch()
            ? clock.deadline(deadline.leftAtMost(KNOWING_LIMIT))
            : deadline;
    return route(log::queries, limit, () -> askHere(ask, limit), forward);
  }

  /** The node that carries commands out; empty if it is this one or nobody knows. */
  String elsewhere() {
    return log.commands() instanceof Route.At(String name) ? name : "";
  }

  private interface Local {
    Header.Builder run() throws IOException, InterruptedException;
  }

  private Header.Builder route(
      Supplier<Route> where, Deadline deadline, Local local, Supplier<Header.Builder> forward)
      throws IOException, InterruptedException {
    String why = "nobody was asked";
    while (true) {
      try {
        switch (where.get()) {
          case Route.Here() -> {
            return local.run();
          }
          case Route.At(String name) -> {
            Deadline limit = clock.deadline(deadline.leftAtMost(FORWARD_LIMIT));
            try (Frame answer = peers.get(name).call(forward.get(), limit)) {
              return answer.header().toBuilder();
            }
          }
          case Route.Nobody(String reason) -> why = reason;
        }
      } catch (PosixException e) {
        if (e.errno() != Errno.NOT_PRIMARY) {
          throw e;
        }
      } catch (IOException e) {
        why = String.valueOf(e.getMessage());
      }
      if (deadline.left().compareTo(RETRY) <= 0) {
        throw new LostException("the primary could not be reached in time: " + why);
      }
      clock.sleep(RETRY);
    }
  }

  /** Proposes on this node, where commands must be proposed. */
  Header.Builder mutateHere(Mutate mutate, Deadline deadline)
      throws IOException, InterruptedException {
    Command command = mutate.getCommand();
    Optional<Fault> tooEarly = namespace.tooEarly(command);
    if (tooEarly.isPresent()) {
      throw PosixException.of(tooEarly.get());
    }
    Command proposed = command;
    switch (command.getOpCase()) {
      case CREATE,
          MKDIR,
          SYMLINK,
          WRITE,
          LINK,
          MAKE_NODE,
          SET_XATTR,
          CREATE_UNNAMED,
          COPY_RANGE -> {
        String lacking = lacks.get();
        if (!lacking.isEmpty()) {
          throw new PosixException(Errno.ENOSPC, lacking);
        }
      }
      case LOCK_FILE -> {
        LockFile.How how = command.getLockFile().getHow();
        String lacking = how == LockFile.How.TRY || how == LockFile.How.WAIT ? lacks.get() : "";
        if (!lacking.isEmpty()) {
          throw new PosixException(Errno.ENOLCK, lacking);
        }
      }
      case RETAIN_ORPHANS -> {
        log.readBarrier(deadline); // one that is cut off must not say that all is well
        requirePrimary(); // who only follows is not asked what blocks are held
        RetainOrphans retain = command.getRetainOrphans();
        if (retain.getHolder() != 0) {
          holds.hold(retain.getHolder(), retain.getLowestBlock());
        }
        uses.open(retain.getInodesList());
        List<Long> orphans = namespace.orphansAmong(retain.getInodesList());
        if (orphans.isEmpty()) {
          return Header.newBuilder().setOutcome(Outcome.getDefaultInstance());
        }
        proposed =
            command.toBuilder()
                .setRetainOrphans(RetainOrphans.newBuilder().addAllInodes(orphans))
                .build();
      }
      default -> {}
    }
    return Header.newBuilder()
        .setOutcome(log.propose(withCaller(proposed, mutate, deadline), deadline));
  }

  private void requirePrimary() throws PosixException {
    if (!(log.commands() instanceof Route.Here)) {
      throw new PosixException(Errno.NOT_PRIMARY, "commands are not taken here");
    }
  }

  /** Below the level the log must not hold what members of an older release do not know. */
  private Command withCaller(Command command, Mutate mutate, Deadline deadline)
      throws IOException, InterruptedException {
    if (!mutate.hasCredentials()) {
      return command;
    }
    if (!namespace.level().includes(FeatureLevel.POSIX)) {
      log.readBarrier(deadline); // it may have risen in a part of the log that is not applied yet
    }
    return namespace.level().includes(FeatureLevel.POSIX)
        ? command.toBuilder().setCredentials(mutate.getCredentials()).build()
        : command;
  }

  /** Answers from this node, where queries must be answered. */
  Header.Builder askHere(Ask ask, Deadline deadline) throws IOException, InterruptedException {
    if (ask.getQuery().hasWatch()) {
      return Header.newBuilder().setAnswer(watch(ask, deadline));
    }
    log.readBarrier(deadline);
    if (ask.getQuery().hasLayout()) {
      uses.read(ask.getQuery().getLayout().getInode());
    }
    return Header.newBuilder().setAnswer(namespace.ask(ask));
  }

  /** Answers when there is something to tell, or as if nothing had happened when the time is up. */
  private Answer watch(Ask ask, Deadline deadline) throws IOException, InterruptedException {
    if (!watches.tryAcquire()) {
      throw new PosixException(Errno.EAGAIN, "this node has " + WATCHES_MAX + " watchers already");
    }
    try {
      if (!namespace.canBeWatched()) {
        // Any entry will do: there is no position to go on from before one was applied.
        AllocateBlocks any = AllocateBlocks.newBuilder().setCount(1).build();
        mutate(Command.newBuilder().setAllocateBlocks(any).build(), deadline);
      }
      Duration wait =
          Duration.ofMillis(Integer.toUnsignedLong(ask.getQuery().getWatch().getWaitMs()));
      Duration most = wait.compareTo(WATCH_MAX) < 0 ? wait : WATCH_MAX;
      Deadline limit = clock.deadline(deadline.leftAtMost(most));
      Ask.Builder asked = ask.toBuilder();
      Watch.Builder watch = asked.getQueryBuilder().getWatchBuilder();
      while (true) {
        CompletableFuture<Boolean> next = namespace.nextChange();
        log.readBarrier(deadline);
        Answer answer = namespace.ask(asked.build());
        boolean tells = answer.getChangesCount() > 0 || !watch.hasAfter();
        if (answer.hasFault() || tells || limit.passed()) {
          return answer;
        }
        watch.setAfter(answer.getPosition());
        try {
          clock.await(next, limit.left());
          clock.sleep(limit.leftAtMost(WATCH_PAUSE));
        } catch (TimeoutException e) {
          // Then that is the answer.
        } catch (ExecutionException e) {
          throw new IllegalStateException(e);
        }
      }
    } finally {
      watches.release();
    }
  }
}
