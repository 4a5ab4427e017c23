package io.sandstore.chain;

import com.google.protobuf.ByteString;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A member of a chain, as a pure state machine: events in, each with this machine's monotonic time,
 * {@link Output}s out. Not thread-safe.
 *
 * <p>Entries go from the head down the chain and are committed when the tail has them (van Renesse
 * and Schneider, OSDI 2004). What every member's history is a prefix of is its predecessor's
 * (Update Propagation); what it lacks of it the predecessor still has (In-process Requests). Reads
 * are answered by every member (Terrace and Freedman, USENIX ATC 2009): at once if nothing here is
 * uncommitted, else after the tail said what is committed.
 *
 * <p>The paper takes failures to be known for certain. Here they are suspected, and a view without
 * the suspect takes the place of the record that all agree on, by compare-and-set. What keeps a
 * member that does not know of it from answering:
 *
 * <ul>
 *   <li>a message of another epoch has no effect;
 *   <li>a member answers reads only under leases of all others of its view;
 *   <li>who tries to change the record grants no more leases in the view before;
 *   <li>who takes up a view takes no part in it before the leases have run out that it granted to
 *       anybody who is not in it; one that joined meanwhile cannot know what others granted, and
 *       waits for as long as any of that could last since it joined;
 *   <li>in a new view members get in step one after another from the head on, and the tail commits
 *       when it is: whatever becomes visible in a view, all its members act in it.
 * </ul>
 *
 * <p>A process that starts joins behind the tail, which sends it a copy of its state and what comes
 * after. When it has nearly all, the tail commits nothing any more that it does not have, and only
 * then asks for the view in which it counts: from its first moment it has all that was ever
 * acknowledged. What was once asked for is asked for until the record changed, for an answer that
 * got lost does not say that nothing happened.
 */
public final class ChainCore {

  /** What a member does. */
  public enum Role {
    HEAD,
    MIDDLE,
    TAIL,
    /** It is in no view yet. */
    JOINING,
    /** It is in no view any more. */
    OUT
  }

  /** One that joins and lacks so many entries is waited for. */
  private static final long JOIN_LAG_MAX = 64;

  private final long self;
  private final String name;
  private final Timing timing;
  private final Entries entries = new Entries();
  private final Leases leases;
  private final List<Output> outputs = new ArrayList<>();
  private ChainView view;
  private Role role = Role.JOINING;
  private long commit;

  /** Before this moment it takes no part in the view, and {@link #active} says that it is over. */
  private long quietUntil;

  private boolean active;

  /** It is known to have what its predecessor had in this view. */
  private boolean inStep;

  /** When it became a member. */
  private long memberSince;

  private @Nullable Downstream successor;

  /** Who may join. */
  private Map<Long, String> admissible = Map.of();

  /** At the tail: who joins. */
  private @Nullable Joiner joiner;

  /** What was asked to take the record's place, until the record changes. */
  private @Nullable ChainView wanted;

  private long wantedAt;
  private boolean swapping;
  private boolean reading;
  private long viewsAt;
  private long beatAt;
  private long helloAt;
  private List<Long> suspects = List.of();
  private long suspectedAt;
  private boolean leaving;

  /** Who is to be head; 0: nobody but who is. */
  private long handOverTo;

  private final Deque<Long> reads = new ArrayDeque<>();
  private final Deque<Long> asked = new ArrayDeque<>();
  private long round;
  private long askedAt;

  /** One that joins, as the tail sees it. */
  private static final class Joiner {
    final String name;
    final Downstream stream;
    long heardAt;
    boolean copying;

    /** Entries behind this one are kept for it. */
    long copied;

    /** Nothing is committed that it does not have. */
    boolean waitedFor;

    Joiner(String name, Downstream stream, long copied) {
      this.name = name;
      this.stream = stream;
      this.copied = copied;
    }
  }

  /** A process that starts: it knows nothing. */
  public ChainCore(long self, String name, String cluster, Timing timing, long now) {
    this.self = self;
    this.name = name;
    this.timing = timing;
    this.leases = new Leases(timing);
    this.view = ChainView.none(cluster);
    this.viewsAt = now;
    this.beatAt = now;
  }

  // --- What it knows ---

  public Role role() {
    return role;
  }

  public ChainView view() {
    return view;
  }

  public long commit() {
    return commit;
  }

  public long last() {
    return entries.last();
  }

  /** Index of the first entry that is still here. */
  long first() {
    return entries.first();
  }

  /** One that is still here. */
  Entry entry(long index) {
    return entries.get(index);
  }

  /** Bytes of entries that are still here. */
  public long keptBytes() {
    return entries.bytes();
  }

  /** Not committed yet, as far as it is known here. */
  public List<Entry> pending() {
    return entries.between(commit + 1, entries.last());
  }

  /** True if it takes part in its view. */
  public boolean inStep() {
    return inStep;
  }

  /** True if commands are taken here. */
  public boolean leads() {
    return role == Role.HEAD && inStep && handOverTo == 0 && !leaving;
  }

  /** True if nothing is here that may not be committed. */
  public boolean isClean() {
    return isTail() || commit == entries.last();
  }

  /** Until when it may answer reads. */
  public long readableUntil() {
    if (!inStep || leaving) {
      return Long.MIN_VALUE;
    }
    // Whoever asked for another view cannot be sure for long that there is none.
    return wanted == null
        ? leases.until()
        : Math.min(leases.until(), wantedAt + timing.usableNanos());
  }

  /** Names of who is suspected. */
  public List<String> suspected() {
    return view.where(suspects::contains).stream().map(ChainView.Link::name).toList();
  }

  /** True if a copy of the state at that index is of use here. */
  public boolean wantsCopy(long index) {
    return role == Role.JOINING && index > entries.last();
  }

  private boolean isTail() {
    return view.tail() == self;
  }

  private boolean mayRead(long now) {
    return readableUntil() > now;
  }

  /** The next moment at which {@link #tick} has something to do. */
  public long wakeAt() {
    long next = beatAt;
    if (!active && isMember()) {
      next = Math.min(next, quietUntil);
    }
    return next;
  }

  private boolean isMember() {
    return role != Role.JOINING && role != Role.OUT;
  }

  /** What is to be done since the last call, in this order. */
  public List<Output> ready() {
    List<Output> ready = List.copyOf(outputs);
    outputs.clear();
    return ready;
  }

  // --- Views ---

  /** What the record says. */
  public void view(ChainView newest, long now) {
    reading = false;
    take(newest, now);
  }

  /** The record could not be read. */
  public void viewFailed() {
    reading = false;
  }

  /** What the record says after what was wanted of it. */
  public void swapped(ChainView newest, long now) {
    swapping = false;
    take(newest, now);
  }

  /** It is not known whether the record was changed. */
  public void swapFailed() {
    swapping = false;
  }

  private void take(ChainView newest, long now) {
    if (role == Role.OUT || newest.epoch() <= view.epoch()) {
      return;
    }
    if (!newest.cluster().equals(view.cluster())) {
      stop("the chain is of another cluster now: " + newest.cluster());
    } else if (newest.has(self)) {
      adopt(newest, now);
    } else if (isMember()) {
      view = newest;
      stop(leaving ? "it left" : "the others went on without it");
    } else {
      view = newest; // there is another tail, or the same one in another epoch
      beatAt = now;
    }
  }

  private void stop(String why) {
    failReads();
    inStep = false;
    active = false;
    if (leaving) {
      view.chain().forEach(link -> tellOfView(link.id())); // they need not wait to hear of it
    }
    role = Role.OUT;
    outputs.add(new Output.Stop(why));
  }

  private void adopt(ChainView newest, long now) {
    boolean lacksSome = view.chain().stream().anyMatch(link -> !newest.has(link.id()));
    boolean joins = !isMember();
    failReads();
    view = newest;
    wanted = null;
    joiner = null;
    handOverTo = 0;
    leaving = false;
    suspects = List.of();
    inStep = false;
    active = false;
    if (joins) {
      memberSince = now;
    }
    quietUntil = Math.max(now, leases.promisedOutside(newest));
    if (lacksSome && !joins) {
      quietUntil = Math.max(quietUntil, memberSince + timing.leaseNanos());
    }
    leases.begin(newest, self, now);
    long after = newest.after(self);
    successor = after == 0 ? null : new Downstream(self, after, entries);
    role = newest.head() == self ? Role.HEAD : isTail() ? Role.TAIL : Role.MIDDLE;
    beatAt = now;
    activate(now);
  }

  private void activate(long now) {
    if (active || !isMember() || now < quietUntil) {
      return;
    }
    active = true;
    if (role == Role.HEAD) {
      getInStep();
    } else {
      hello(now);
    }
  }

  private void getInStep() {
    inStep = true;
    if (isTail()) {
      advance(true);
    }
    forward(true);
  }

  private void hello(long now) {
    helloAt = now;
    send(new Message.Hello(self, view.before(self), view.epoch(), entries.last()));
  }

  private void askForView() {
    if (!reading && role != Role.OUT) {
      reading = true;
      outputs.add(new Output.ReadView());
    }
  }

  private void want(List<ChainView.Link> chain, long now) {
    wanted = view.next(chain);
    wantedAt = now;
    swap();
  }

  private void swap() {
    if (!swapping && wanted != null) {
      swapping = true;
      outputs.add(new Output.Swap(wanted));
    }
  }

  // --- Time ---

  /** Time has passed, or events were handed in. */
  public void tick(long now) {
    if (role == Role.OUT) {
      return;
    }
    activate(now);
    ask(now);
    if (now >= beatAt) {
      beatAt = now + timing.beatNanos();
      if (isMember()) {
        beat(now);
      } else {
        joinAgain();
      }
      if (now >= viewsAt && !(mayRead(now) && wanted == null)) {
        viewsAt = now + 2 * timing.beatNanos();
        askForView(); // something is not as it should be
      }
      if (wanted != null) {
        swap();
      }
      if (active && !inStep && now - helloAt >= timing.beatNanos()) {
        hello(now);
      }
      dropJoiner(now);
    }
    suspect(now);
    handOver(now);
  }

  private void joinAgain() {
    if (view.tail() != 0) {
      send(new Message.Join(self, view.tail(), view.epoch(), entries.last()));
    }
  }

  private void beat(long now) {
    long number = leases.beat(now);
    for (ChainView.Link link : view.chain()) {
      if (link.id() != self) {
        sendBeat(link.id(), number, now);
      }
    }
  }

  private void sendBeat(long to, long number, long now) {
    boolean grant =
        inStep && wanted == null && !leaving && leases.echo(to) > 0 && !leases.suspects(to, now);
    if (grant) {
      leases.grant(to);
    }
    // A tail that is not in step yet must not commit by a heartbeat what the view may not show.
    long committed = inStep ? commit : 0;
    send(
        new Message.Beat(
            self, to, view.epoch(), number, leases.echo(to), grant, entries.last(), committed));
  }

  private void suspect(long now) {
    if (!isMember() || leaving) {
      return;
    }
    List<Long> found =
        view.where(id -> leases.suspects(id, now)).stream().map(ChainView.Link::id).toList();
    if (!found.equals(suspects)) {
      suspects = found;
      suspectedAt = now;
    }
    if (found.isEmpty() || wanted != null) {
      return;
    }
    List<ChainView.Link> rest = view.where(id -> !found.contains(id));
    // One after another, so that they do not all try; and who hears few goes behind who hears many.
    long turn = rest.stream().map(ChainView.Link::id).toList().indexOf(self);
    long patience = (turn + 3L * (found.size() - 1)) * timing.beatNanos();
    if (now >= suspectedAt + patience && now >= leases.promisedTo(found)) {
      want(rest, now);
    }
  }

  /**
   * Gives the head's place to another member, once all that was taken is committed.
   *
   * @param to 0: to whoever comes next
   */
  public void stepAside(long to, long now) {
    if (leads() && view.chain().size() > 1) {
      handOverTo = to != 0 && to != self && view.has(to) ? to : view.after(self);
      handOver(now);
    }
  }

  /** Goes on as before after all, if nobody can have heard of anything else. */
  public void stay() {
    if (wanted == null) {
      handOverTo = 0;
      leaving = false;
    }
  }

  private void handOver(long now) {
    if (handOverTo != 0 && inStep && wanted == null && commit == entries.last()) {
      long to = handOverTo;
      List<ChainView.Link> chain = new ArrayList<>(view.where(id -> id == to));
      chain.addAll(view.where(id -> id != to && id != self));
      chain.addAll(view.where(id -> id == self));
      want(chain, now);
    } else if (mayLeave(now)) {
      for (ChainView.Link link : view.chain()) {
        if (link.id() != self) {
          send(new Message.Bye(self, link.id(), view.epoch()));
        }
      }
      want(view.where(id -> id != self), now);
    }
  }

  private boolean mayLeave(long now) {
    boolean done = role != Role.HEAD || commit == entries.last();
    boolean others = view.chain().size() > 1 && leases.until() > now; // and they are alive
    return leaving && done && wanted == null && inStep && others;
  }

  /** Answers nothing any more, and asks to be left out once the others can do without. */
  public void leave(long now) {
    if (!leaving && isMember()) {
      leaving = true;
      failReads();
      handOver(now);
    }
  }

  // --- Messages ---

  /** A message came. */
  public void receive(Message message, long now) {
    if (message.to() != self || role == Role.OUT) {
      return;
    }
    if (message.epoch() > view.epoch()) {
      askForView();
      return;
    }
    if (message.epoch() < view.epoch()) {
      if (message instanceof Message.Beat || message instanceof Message.Join) {
        tellOfView(message.from());
      }
      return;
    }
    switch (message) {
      case Message.Forward forward -> receive(forward, now);
      case Message.Ack ack -> committed(ack.from(), ack.index());
      case Message.Hello hello -> receive(hello, now);
      case Message.Join join -> receive(join, now);
      case Message.Beat beat -> receive(beat, now);
      case Message.Ask ask -> receive(ask);
      case Message.Answer answer -> receive(answer, now);
      case Message.Bye bye -> leases.released(bye.from());
    }
  }

  /** By a heartbeat of no consequence. */
  private void tellOfView(long to) {
    send(new Message.Beat(self, to, view.epoch(), 0, 0, false, 0, 0));
  }

  private void receive(Message.Forward forward, long now) {
    boolean joining = role == Role.JOINING && forward.from() == view.tail();
    if (!joining && !(active && forward.from() == view.before(self))) {
      return;
    }
    boolean gap = false;
    for (Entry entry : forward.entries()) {
      if (entry.index() == entries.last() + 1) {
        entries.append(entry);
      } else if (entry.index() > entries.last()) {
        gap = true;
      }
    }
    if (joining) {
      commitTo(entries.last());
      joinAgain();
      return;
    }
    if (gap || entries.last() < forward.last()) {
      if (now - helloAt >= timing.beatNanos()) {
        hello(now);
      }
    } else if (!inStep) {
      getInStep();
      return;
    }
    if (inStep) {
      if (isTail()) {
        advance(false);
      }
      forward(false);
    }
  }

  private void receive(Message.Hello hello, long now) {
    if (successor != null && successor.id == hello.from() && hello.last() <= entries.last()) {
      successor.restart(hello.last(), now);
      forward(true);
    }
  }

  private void forward(boolean anyway) {
    if (inStep && successor != null) {
      successor.send(view.epoch(), anyway, this::send);
    }
    Joiner joins = joiner;
    if (inStep && joins != null && !joins.copying) {
      joins.stream.send(view.epoch(), false, this::send);
    }
  }

  private void receive(Message.Beat beat, long now) {
    boolean first = leases.isNew(beat.from());
    leases.heard(beat, now);
    if (beat.from() == view.tail()) {
      committed(beat.from(), beat.commit());
    }
    if (successor != null && successor.id == beat.from() && beat.last() <= entries.last()) {
      successor.heard(beat.last(), timing.beatNanos(), now);
      forward(false);
    }
    if (first && active && !inStep && beat.from() == view.before(self)) {
      hello(now); // what it did not hear as it was in the view before
    }
    if (first && isMember() && beat.beat() > 0) {
      sendBeat(beat.from(), leases.beat(now), now); // so that leases need not wait for the next one
    }
  }

  // --- Commands ---

  /**
   * Takes an entry at the head.
   *
   * @return its index; 0: it is not taken here
   */
  public long propose(Entry.Kind kind, ByteString data) {
    if (!leads()) {
      return 0;
    }
    entries.append(new Entry(entries.last() + 1, view.epoch(), kind, data));
    if (isTail()) {
      advance(false);
    }
    forward(false);
    return entries.last();
  }

  /** The tail commits what it has, and tells the others, if it is anything new. */
  private void advance(boolean anyway) {
    Joiner joins = joiner;
    long to = entries.last();
    if (joins != null && joins.waitedFor) {
      to = Math.min(to, joins.stream.acked());
    }
    if (to > commit || anyway) {
      commitTo(to);
      for (ChainView.Link link : view.chain()) {
        if (link.id() != self) {
          send(new Message.Ack(self, link.id(), view.epoch(), commit));
        }
      }
    }
  }

  private void committed(long from, long index) {
    if (active && from == view.tail() && from != self) {
      commitTo(Math.min(index, entries.last()));
    }
  }

  private void commitTo(long index) {
    if (index <= commit) {
      return;
    }
    outputs.add(new Output.Commit(entries.between(commit + 1, index)));
    commit = index;
    trim();
  }

  private void trim() {
    Joiner joins = joiner;
    entries.dropTo(joins == null ? commit : Math.min(commit, joins.copied));
  }

  // --- Reads ---

  /** Answers with a {@link Output.Read} or {@link Output.ReadFailed} of that id. */
  public void read(long id, long now) {
    if (!mayRead(now)) {
      outputs.add(new Output.ReadFailed(id));
    } else if (isClean()) {
      outputs.add(new Output.Read(id, commit));
    } else {
      reads.add(id);
    }
  }

  /** One question for all that wait; those that come while it is under way need the next one. */
  private void ask(long now) {
    if (asked.isEmpty() && !reads.isEmpty()) {
      asked.addAll(reads);
      reads.clear();
      round++;
      askedAt = now - timing.beatNanos();
    }
    if (!asked.isEmpty() && now - askedAt >= timing.beatNanos()) {
      askedAt = now;
      send(new Message.Ask(self, view.tail(), view.epoch(), round));
    }
  }

  private void receive(Message.Ask ask) {
    if (isTail() && inStep) {
      send(new Message.Answer(self, ask.from(), view.epoch(), ask.round(), commit));
    }
  }

  private void receive(Message.Answer answer, long now) {
    if (answer.round() != round || answer.from() != view.tail()) {
      return;
    }
    committed(answer.from(), answer.commit());
    boolean may = mayRead(now);
    for (long id : asked) {
      outputs.add(may ? new Output.Read(id, answer.commit()) : new Output.ReadFailed(id));
    }
    asked.clear();
    ask(now);
  }

  private void failReads() {
    asked.forEach(id -> outputs.add(new Output.ReadFailed(id)));
    reads.forEach(id -> outputs.add(new Output.ReadFailed(id)));
    asked.clear();
    reads.clear();
    round++;
  }

  // --- Joining ---

  private void receive(Message.Join join, long now) {
    if (!isTail() || !inStep || leaving || view.has(join.from()) || join.last() > entries.last()) {
      return;
    }
    String joinsAs = admissible.get(join.from());
    if (joinsAs == null || view.chain().size() >= ChainView.MEMBERS_MAX) {
      return;
    }
    Joiner joins = joiner;
    if (joins == null) {
      joins = new Joiner(joinsAs, new Downstream(self, join.from(), entries), commit);
      joiner = joins;
    } else if (joins.stream.id != join.from()) {
      return; // one after another
    }
    joins.heardAt = now;
    if (joins.copying) {
      return;
    }
    if (join.last() + 1 < entries.first()) {
      joins.copying = true;
      joins.copied = commit;
      outputs.add(new Output.Copy(join.from(), commit));
      return;
    }
    if (joins.stream.isKnown()) {
      joins.stream.heard(join.last(), timing.beatNanos(), now);
    } else {
      joins.stream.restart(join.last(), now);
    }
    joins.copied = Math.max(joins.copied, joins.stream.acked());
    if (entries.last() - joins.stream.acked() <= JOIN_LAG_MAX) {
      joins.waitedFor = true;
    }
    advance(false);
    trim();
    forward(false);
    admit(joins, now);
  }

  private void admit(Joiner joins, long now) {
    if (wanted == null && joins.waitedFor && joins.stream.acked() >= commit) {
      List<ChainView.Link> chain = new ArrayList<>(view.chain());
      chain.add(new ChainView.Link(joins.stream.id, joins.name));
      want(chain, now);
    }
  }

  /** Who may join: names by ids. */
  public void admit(Map<Long, String> names) {
    admissible = Map.copyOf(names);
  }

  /** The copy was sent, or broke off. */
  public void copySent(long to) {
    Joiner joins = joiner;
    if (joins != null && joins.stream.id == to) {
      joins.copying = false;
    }
  }

  /** The state at that index was restored here. */
  public void copied(long index) {
    entries.reset(index);
    commit = index;
    joinAgain();
  }

  private void dropJoiner(long now) {
    Joiner joins = joiner;
    if (joins != null && wanted == null && now - joins.heardAt > timing.leaseNanos()) {
      joiner = null;
      advance(false);
      trim();
    }
  }

  private void send(Message message) {
    outputs.add(new Output.Send(message));
  }

  @Override
  public String toString() {
    String chain = view.chain().stream().map(ChainView.Link::name).collect(Collectors.joining(">"));
    return "%s %s%s epoch %d [%s] commit %d of %d, kept from %d, successor %s, joins %s, wants %s"
        .formatted(
            name,
            role,
            inStep || !isMember() ? "" : " not in step",
            view.epoch(),
            chain,
            commit,
            entries.last(),
            entries.first(),
            successor,
            joiner == null ? "nobody" : joiner.name + " " + joiner.stream,
            wanted);
  }
}
