package io.sandstore.raft;

import io.sandstore.replication.Configurations;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.HardState;
import io.sandstore.wire.Member;
import io.sandstore.wire.SnapshotMeta;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of cores that does what the lines of a script say and tells, line by line, what becomes
 * durable and what is sent. Messages stay on their links until a script delivers or loses them;
 * time stands still until a script moves it.
 *
 * <pre>
 *   member ID [learner|outside] [term T] [vote V] [log T T T...]   before start: what its disk has
 *   start                                     all members begin
 *   campaign ID        its election timeout is over        elapse MS     time goes on for everybody
 *   step ID MS         time goes on, but nobody else looks at the clock
 *   pass MS            time goes on in steps of a heartbeat, and all that is sent is heard at once
 *   run                delivers all, and what comes of it, but for links that are cut
 *   deliver A>B [first|last]    lose A>B [first|last]    copy A>B
 *   cut A B            messages between them wait           heal          they are on their way again
 *   propose ID TEXT    read ID NAME    transfer ID TO    lease ID
 *   ask ID NAME        a read wherever it is: who does not lead asks the leader
 *   learner ID NEW     promote ID MEMBER    remove ID MEMBER
 *   stall ID           its disk does not finish             finish ID     it does
 *   compact ID INDEX   it has a snapshot of what it applied; its log goes up to there
 *   snapshot A>B       the stream ends well                 break A>B     it does not
 *   crash ID           restart ID                           status        where all are
 *   quiet COMMAND...   the same, without telling
 * </pre>
 */
final class ScriptedCluster {

  private static final Timing TIMING = Timing.standard();
  private static final long MILLI = 1_000_000;
  private static final int DELIVERIES_MAX = 2000;

  private final TreeMap<Long, Node> nodes = new TreeMap<>();
  private final List<Message> network = new ArrayList<>();
  private final Set<String> cut = new HashSet<>();
  private final Map<String, SnapshotMeta> streams = new HashMap<>();
  private final Map<Long, String> readNames = new HashMap<>();
  private final StringBuilder told = new StringBuilder();
  private long now = 1000 * MILLI;
  private long nextRead = 1;

  private final class Node {
    final long id;
    final boolean learner;
    final boolean outside;
    HardState hardState = HardState.getDefaultInstance();
    SnapshotMeta snapshot = SnapshotMeta.getDefaultInstance();
    final TreeMap<Long, Entry> disk = new TreeMap<>();
    long applied;
    boolean stalled;
    @Nullable Ready unfinished;
    @Nullable RaftCore core;
    String seen = "";

    Node(long id, boolean learner, boolean outside) {
      this.id = id;
      this.learner = learner;
      this.outside = outside;
    }

    RaftCore core() {
      if (core == null) {
        throw new IllegalArgumentException(id + " is down");
      }
      return core;
    }

    void start() {
      RaftLog log =
          new RaftLog(
              (from, to, max) -> List.copyOf(disk.subMap(from, true, to, true).values()), snapshot);
      Membership members = new Membership(snapshot.getIndex(), snapshot.getConfiguration());
      for (Entry entry : disk.tailMap(snapshot.getIndex(), false).values()) {
        log.append(entry);
        if (entry.kind() == Entry.Kind.CONFIGURATION) {
          members.put(entry.index(), entry.configuration());
        }
      }
      core = new RaftCore(id, TIMING, new Random(id), hardState, log, members, now);
      applied = snapshot.getIndex();
      unfinished = null;
      stalled = false;
      look();
    }

    void look() {
      if (core != null) {
        String state =
            core.role().name().toLowerCase(Locale.ROOT).replace('_', '-')
                + " in term "
                + core.term();
        if (!state.equals(seen)) {
          tell("%d is %s".formatted(id, state));
          seen = state;
        }
      }
    }

    void settle() {
      look();
      while (core != null && unfinished == null && core.hasReady(true)) {
        Ready ready = core.ready(true);
        ready.now().forEach(ScriptedCluster.this::send);
        if (stalled && ready.mustSync()) {
          unfinished = ready;
          tell("%d waits for its disk".formatted(id));
        } else {
          finish(ready);
        }
        look();
      }
    }

    void finish(Ready ready) {
      ready
          .hardState()
          .ifPresent(
              state -> {
                hardState = state;
                tell(
                    "%d stores term %d, vote %s"
                        .formatted(
                            id, state.getTerm(), state.getVote() == 0 ? "none" : state.getVote()));
              });
      if (!ready.append().isEmpty()) {
        disk.tailMap(ready.append().getFirst().index(), true).clear();
        ready.append().forEach(e -> disk.put(e.index(), e));
        tell("%d stores %s".formatted(id, show(ready.append())));
      }
      core().synced(now);
      ready.afterSync().forEach(ScriptedCluster.this::send);
      if (!ready.committed().isEmpty()) {
        applied = ready.committed().getLast().index();
        tell("%d applies %s".formatted(id, show(ready.committed())));
      }
      for (long to : ready.snapshotsFor()) {
        streams.put(id + ">" + to, snapshot);
        tell("%d>%d begins to send the snapshot at %d".formatted(id, to, snapshot.getIndex()));
      }
      ready
          .reads()
          .forEach(r -> tell("%d read %s at %d".formatted(id, readNames.get(r.id()), r.index())));
      ready.failedReads().forEach(r -> tell("%d read %s fails".formatted(id, readNames.get(r))));
      if (ready.removed()) {
        tell("%d is no member any more".formatted(id));
      }
    }

    void install(String link, long from, long term, SnapshotMeta meta) {
      RaftCore.Install outcome =
          core().install(from, term, meta.getIndex(), meta.getTerm(), meta.getConfiguration(), now);
      tell("%s snapshot at %d: %s".formatted(link, meta.getIndex(), outcome));
      if (outcome == RaftCore.Install.RESET) {
        snapshot = meta;
        disk.clear();
        applied = meta.getIndex();
      }
      settle();
    }
  }

  // --- Telling ---

  private void tell(String line) {
    told.append(line).append('\n');
  }

  private static String show(List<Entry> entries) {
    return entries.stream().map(ScriptedCluster::show).collect(Collectors.joining(" "));
  }

  private static String show(Entry entry) {
    String what =
        switch (entry.kind()) {
          case NOOP -> "-";
          case COMMANDS -> new String(entry.data(), StandardCharsets.UTF_8);
          case CONFIGURATION -> show(entry.configuration());
        };
    return "%d/%d(%s)".formatted(entry.index(), entry.term(), what);
  }

  private static String show(Configuration members) {
    return members.getMembersList().stream()
        .map(m -> m.getId() + (m.getLearner() ? "L" : ""))
        .collect(Collectors.joining(",", "members ", ""));
  }

  private static String show(Message message) {
    String what =
        switch (message) {
          case Message.PreVote m -> "pre-vote? last %d/%d".formatted(m.lastIndex(), m.lastTerm());
          case Message.PreVoteReply m -> m.granted() ? "pre-vote yes" : "pre-vote no";
          case Message.Vote m ->
              "vote? last %d/%d%s"
                  .formatted(m.lastIndex(), m.lastTerm(), m.transfer() ? ", by transfer" : "");
          case Message.VoteReply m -> m.granted() ? "vote yes" : "vote no";
          case Message.Append m ->
              "append after %d/%d: %scommit %d"
                  .formatted(
                      m.previousIndex(),
                      m.previousTerm(),
                      m.entries().isEmpty() ? "" : show(m.entries()) + " ",
                      m.commit());
          case Message.AppendReply m when m.accepted() -> "accepted to %d".formatted(m.index());
          case Message.AppendReply m when m.index() == 0 -> "that term is over";
          case Message.AppendReply m ->
              "rejected %d, try %d/%d".formatted(m.index(), m.hint(), m.hintTerm());
          case Message.Heartbeat m -> "heartbeat %d commit %d".formatted(m.round(), m.commit());
          case Message.HeartbeatReply m -> "heard %d".formatted(m.round());
          case Message.TimeoutNow m -> "stand for election, round %d".formatted(m.round());
          case Message.Removed m -> "you were removed at %d".formatted(m.index());
          case Message.ReadIndex m -> "what is committed?";
          case Message.ReadIndexReply m -> "committed to %d".formatted(m.index());
        };
    return "%d>%d term %d %s".formatted(message.from(), message.to(), message.term(), what);
  }

  // --- The network ---

  private static String link(Message message) {
    return message.from() + ">" + message.to();
  }

  private void send(Message message) {
    network.add(MessageCodec.decode(MessageCodec.encode(message, "")));
    tell(show(message));
  }

  private void hand(Message message) {
    Node to = nodes.get(message.to());
    if (to != null && to.core != null) {
      to.core.receive(message, now);
      if (to.core.role() == RaftCore.Role.LEADER) {
        to.core.tick(now); // for the others, time is over when the script says so
      }
      to.settle();
    }
  }

  private void run() {
    for (int i = 0; i < DELIVERIES_MAX; i++) {
      var next = network.stream().filter(m -> !cut.contains(link(m))).findFirst();
      if (next.isEmpty()) {
        return;
      }
      network.remove(next.get());
      hand(next.get());
    }
    throw new IllegalArgumentException("the messages do not end");
  }

  private List<Message> take(String link, String which) {
    List<Message> found =
        new ArrayList<>(network.stream().filter(m -> link(m).equals(link)).toList());
    if (found.isEmpty()) {
      throw new IllegalArgumentException("nothing is on the way " + link);
    }
    List<Message> taken =
        switch (which) {
          case "first" -> List.of(found.getFirst());
          case "last" -> List.of(found.getLast());
          default -> found;
        };
    taken.forEach(this::removeOnce);
    return taken;
  }

  private void removeOnce(Message message) {
    for (int i = 0; i < network.size(); i++) {
      if (network.get(i) == message) {
        network.remove(i);
        return;
      }
    }
  }

  // --- Commands ---

  /** Carries out one line and returns what it told. */
  String command(String line) {
    told.setLength(0);
    List<String> words = new ArrayList<>(Arrays.asList(line.trim().split("\\s+")));
    boolean quiet = words.getFirst().equals("quiet");
    if (quiet) {
      words.removeFirst();
    }
    String verb = words.removeFirst();
    carryOut(verb, words);
    return quiet ? "" : told.toString();
  }

  private void carryOut(String verb, List<String> w) {
    switch (verb) {
      case "member" -> define(w);
      case "start" -> start();
      case "run" -> run();
      case "campaign" -> campaign(node(w));
      case "elapse" -> elapse(Long.parseLong(w.getFirst()));
      case "step" -> {
        now += Long.parseLong(w.get(1)) * MILLI;
        act(node(w), core -> {});
      }
      case "pass" -> {
        for (long left = Long.parseLong(w.getFirst()); left > 0; left -= 100) {
          elapse(Math.min(left, 100));
          run();
        }
      }
      case "deliver" -> take(w.getFirst(), which(w)).forEach(this::hand);
      case "lose" -> take(w.getFirst(), which(w));
      case "copy" ->
          network.addAll(
              network.stream().filter(m -> link(m).equals(w.getFirst())).map(this::copy).toList());
      case "cut" -> {
        cut.add(w.get(0) + ">" + w.get(1));
        cut.add(w.get(1) + ">" + w.get(0));
      }
      case "heal" -> cut.clear();
      case "propose" -> propose(node(w), w.get(1));
      case "read" -> read(node(w), w.get(1), RaftCore::read);
      case "ask" -> read(node(w), w.get(1), RaftCore::readAnywhere);
      case "transfer" -> act(node(w), core -> core.transferTo(Long.parseLong(w.get(1)), now));
      case "lease" -> lease(node(w));
      case "learner" -> change(node(w), Configurations::withLearner, Long.parseLong(w.get(1)));
      case "promote" -> promote(node(w), Long.parseLong(w.get(1)));
      case "remove" ->
          change(node(w), (c, id, n) -> Configurations.without(c, id), Long.parseLong(w.get(1)));
      case "stall" -> node(w).stalled = true;
      case "finish" -> finish(node(w));
      case "compact" -> compact(node(w), Long.parseLong(w.get(1)));
      case "snapshot" -> endStream(w.getFirst(), true);
      case "break" -> endStream(w.getFirst(), false);
      case "crash" -> {
        node(w).core = null;
        node(w).seen = "";
      }
      case "restart" -> {
        node(w).start();
        node(w).settle();
      }
      case "status" -> nodes.values().forEach(this::status);
      default -> throw new IllegalArgumentException("unknown command " + verb);
    }
  }

  private Message copy(Message message) {
    return MessageCodec.decode(MessageCodec.encode(message, ""));
  }

  private static String which(List<String> words) {
    return words.size() > 1 ? words.get(1) : "all";
  }

  private Node node(List<String> words) {
    Node node = nodes.get(Long.parseLong(words.getFirst()));
    if (node == null) {
      throw new IllegalArgumentException("no member " + words.getFirst());
    }
    return node;
  }

  private void define(List<String> w) {
    long id = Long.parseLong(w.getFirst());
    Node node = new Node(id, w.contains("learner"), w.contains("outside"));
    long term = w.contains("term") ? Long.parseLong(w.get(w.indexOf("term") + 1)) : 0;
    long vote = w.contains("vote") ? Long.parseLong(w.get(w.indexOf("vote") + 1)) : 0;
    if (w.contains("log")) {
      for (String of : w.subList(w.indexOf("log") + 1, w.size())) {
        long index = node.disk.size() + 1;
        byte[] data = ("old" + index).getBytes(StandardCharsets.UTF_8);
        node.disk.put(index, new Entry(Long.parseLong(of), index, Entry.Kind.COMMANDS, data));
        term = Math.max(term, Long.parseLong(of));
      }
    }
    node.hardState = HardState.newBuilder().setTerm(term).setVote(vote).build();
    nodes.put(id, node);
  }

  private void start() {
    List<Member> founders = new ArrayList<>();
    for (Node node : nodes.values()) {
      if (!node.outside) {
        founders.add(
            Member.newBuilder()
                .setId(node.id)
                .setName("n" + node.id)
                .setLearner(node.learner)
                .build());
      }
    }
    Configuration members = Configurations.founders(founders);
    for (Node node : nodes.values()) {
      node.snapshot = SnapshotMeta.newBuilder().setConfiguration(members).build();
      node.start();
    }
    now += 2 * TIMING.electionNanos(); // what a restart holds back is over
    told.setLength(0);
    tell(show(members));
  }

  /** Time goes on until this member has had enough of waiting; nobody else does anything. */
  private void campaign(Node node) {
    now = Math.max(now, node.core().wakeAt());
    node.core().tick(now);
    node.settle();
  }

  private void elapse(long millis) {
    now += millis * MILLI;
    for (Node node : nodes.values()) {
      if (node.core != null) {
        node.core.tick(now);
        node.settle();
      }
    }
  }

  private interface Action {
    void on(RaftCore core);
  }

  private void act(Node node, Action action) {
    action.on(node.core());
    node.core().tick(now);
    node.settle();
  }

  private void propose(Node node, String text) {
    act(
        node,
        core -> {
          if (core.propose(List.of(text.getBytes(StandardCharsets.UTF_8)), now) == 0) {
            tell("%d refuses %s".formatted(node.id, text));
          }
        });
  }

  private interface Read {
    void at(RaftCore core, long id, long nowNanos);
  }

  private void read(Node node, String name, Read read) {
    long id = nextRead++;
    readNames.put(id, name);
    act(node, core -> read.at(core, id, now));
  }

  private interface Change {
    Configuration of(Configuration members, long id, String name);
  }

  private void change(Node node, Change change, long id) {
    act(
        node,
        core -> {
          if (core.proposeConfiguration(change.of(core.configuration(), id, "n" + id), now) == 0) {
            tell("%d refuses to change members".formatted(node.id));
          }
        });
  }

  private void promote(Node node, long id) {
    if (node.core().hasCaughtUp(id, 2, now)) {
      change(node, (c, member, n) -> Configurations.promoted(c, member), id);
    } else {
      tell("%d has not caught up".formatted(id));
    }
  }

  private void lease(Node node) {
    long until = node.core().leaseUntil();
    tell(
        until > now
            ? "%d has a lease for %d ms".formatted(node.id, (until - now) / MILLI)
            : "%d has no lease".formatted(node.id));
  }

  private void finish(Node node) {
    Ready unfinished = node.unfinished;
    node.stalled = false;
    node.unfinished = null;
    if (unfinished != null) {
      node.finish(unfinished);
    }
    node.settle();
  }

  private void compact(Node node, long index) {
    long last = node.applied;
    long term = node.disk.containsKey(last) ? node.disk.get(last).term() : node.snapshot.getTerm();
    node.snapshot =
        SnapshotMeta.newBuilder()
            .setIndex(last)
            .setTerm(term)
            .setConfiguration(node.core().configurationAt(last))
            .build();
    long spared = Math.min(index, node.core().dispensable(now));
    node.core().compactTo(Math.max(node.core().firstIndex() - 1, spared));
    node.disk.headMap(node.core().firstIndex(), false).clear();
    tell(
        "%d has a snapshot at %d and its log from %d on"
            .formatted(node.id, last, node.core().firstIndex()));
  }

  private void endStream(String link, boolean well) {
    SnapshotMeta meta = streams.remove(link);
    if (meta == null) {
      throw new IllegalArgumentException("no snapshot is on its way " + link);
    }
    Node from = nodes.get(Long.parseLong(link.split(">")[0]));
    Node to = nodes.get(Long.parseLong(link.split(">")[1]));
    if (well) {
      to.install(link, from.id, from.core().term(), meta);
    }
    from.core().snapshotSent(to.id, well ? meta.getIndex() : 0, well);
    from.settle();
  }

  private void status(Node node) {
    if (node.core == null) {
      tell("%d is down, log to %d".formatted(node.id, lastOnDisk(node)));
    } else {
      RaftCore core = node.core;
      tell(
          "%d is %s in term %d, leader %s, log %d-%d, commit %d, %s"
              .formatted(
                  node.id,
                  core.role().name().toLowerCase(Locale.ROOT).replace('_', '-'),
                  core.term(),
                  core.leader() == 0 ? "unknown" : core.leader(),
                  core.firstIndex(),
                  core.lastIndex(),
                  core.commit(),
                  show(core.configuration())));
    }
  }

  private static long lastOnDisk(Node node) {
    return node.disk.isEmpty() ? node.snapshot.getIndex() : node.disk.lastKey();
  }

  /** Leaders of one term, at most one. */
  void check() {
    Set<Long> terms = new HashSet<>();
    int leases = 0;
    for (Node node : nodes.values()) {
      if (node.core != null && node.core.role() == RaftCore.Role.LEADER) {
        if (!terms.add(node.core.term())) {
          throw new IllegalStateException("two leaders in term " + node.core.term());
        }
        leases += node.core.leaseUntil() > now ? 1 : 0;
      }
    }
    if (leases > 1) {
      throw new IllegalStateException("two leaders hold a lease");
    }
  }
}
