package io.sandstore.chain;

import com.google.protobuf.ByteString;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A chain that does what a script says. Names of members are letters. Commands:
 *
 * <ul>
 *   <li>{@code members a b c}: the first view, with leases
 *   <li>{@code start d}: another process, which may join
 *   <li>{@code propose a x}, {@code read b}, {@code aside a b}, {@code leave b}
 *   <li>{@code kill a}; {@code cut a b}: nothing gets from one to the other any more; {@code heal}
 *   <li>{@code hold a b}, {@code release a b}: what one sends to the other comes later, in that
 *       order
 *   <li>{@code again a b}: the last entries that one sent the other come once more
 *   <li>{@code away a}, {@code back a}: it does not reach the record
 *   <li>{@code steal a b}: the record changes to a view with these, by somebody else
 *   <li>{@code wait 100}: milliseconds pass
 *   <li>{@code show}: everybody's state
 * </ul>
 *
 * Heartbeats are not told of.
 */
final class ScriptedChain {

  private static final long MILLI = 1_000_000;
  private static final String CLUSTER = "c";

  private final Map<Long, ChainCore> cores = new TreeMap<>();
  private final Deque<Message> network = new ArrayDeque<>();
  private final Map<String, List<Message>> held = new HashMap<>();
  private final Map<String, Message> lastEntries = new HashMap<>();
  private final Set<String> cut = new HashSet<>();
  private final Set<Long> away = new HashSet<>();
  private ChainView record = ChainView.none(CLUSTER);
  private long now = MILLI;
  private long reads;
  private StringBuilder told = new StringBuilder();

  private static long id(String name) {
    return name.charAt(0);
  }

  private static String name(long id) {
    return String.valueOf((char) id);
  }

  private ChainCore core(String name) {
    ChainCore core = cores.get(id(name));
    if (core == null) {
      throw new IllegalArgumentException("no process " + name);
    }
    return core;
  }

  private void tell(String line) {
    told.append(line).append('\n');
  }

  /** Carries a command out; what it leads to. */
  String command(String line) {
    told = new StringBuilder();
    String[] words = line.split(" ");
    switch (words[0]) {
      case "members" -> {
        List<ChainView.Link> founders = new ArrayList<>();
        for (int i = 1; i < words.length; i++) {
          start(words[i]);
          founders.add(new ChainView.Link(id(words[i]), words[i]));
        }
        record = new ChainView(1, CLUSTER, 1, 1, founders);
        pass(300);
        told = new StringBuilder();
      }
      case "start" -> start(words[1]);
      case "propose" -> {
        long index = core(words[1]).propose(Entry.Kind.COMMANDS, ByteString.copyFromUtf8(words[2]));
        tell(words[1] + (index == 0 ? " does not take " : " takes ") + words[2]);
      }
      case "read" -> core(words[1]).read(++reads, now);
      case "aside" -> core(words[1]).stepAside(id(words[2]), now);
      case "leave" -> core(words[1]).leave(now);
      case "kill" -> cores.remove(id(words[1]));
      case "cut" -> cut.add(words[1] + words[2]);
      case "heal" -> cut.clear();
      case "hold" -> held.put(words[1] + words[2], new ArrayList<>());
      case "release" -> {
        List<Message> late = held.remove(words[1] + words[2]);
        if (late != null) {
          network.addAll(late);
        }
      }
      case "again" -> network.add(lastEntries.get(words[1] + words[2]));
      case "away" -> away.add(id(words[1]));
      case "back" -> away.remove(id(words[1]));
      case "steal" -> {
        List<ChainView.Link> rest = record.where(id -> line.substring(5).contains(name(id)));
        record = new ChainView(record.version() + 1, CLUSTER, 1, record.epoch() + 1, rest);
      }
      case "wait" -> pass(Integer.parseInt(words[1]));
      case "show" -> cores.values().forEach(core -> tell("  " + state(core)));
      default -> throw new IllegalArgumentException("no command: " + line);
    }
    settle();
    return told.toString();
  }

  private String state(ChainCore core) {
    String text = core.toString();
    String until = core.readableUntil() > now ? "" : ", may not read";
    return text.substring(0, text.indexOf(", kept")) + until;
  }

  private void start(String name) {
    cores.put(id(name), new ChainCore(id(name), name, CLUSTER, Timing.standard(), now));
    Map<Long, String> names = new HashMap<>();
    cores.keySet().forEach(id -> names.put(id, name(id)));
    cores.values().forEach(core -> core.admit(names));
  }

  private void pass(int millis) {
    for (int i = 0; i < millis; i += 10) {
      now += 10 * MILLI;
      settle();
    }
  }

  private void settle() {
    boolean more = true;
    while (more) {
      more = !network.isEmpty();
      while (!network.isEmpty()) {
        Message message = network.poll();
        ChainCore to = cores.get(message.to());
        if (to != null) {
          to.receive(message, now);
          to.tick(now);
        }
        carryOut();
      }
      cores.values().forEach(core -> core.tick(now));
      more |= carryOut();
    }
  }

  private boolean carryOut() {
    boolean any = false;
    for (Map.Entry<Long, ChainCore> entry : List.copyOf(cores.entrySet())) {
      for (Output output : entry.getValue().ready()) {
        any = true;
        carryOut(name(entry.getKey()), entry.getValue(), output);
      }
    }
    return any;
  }

  private void carryOut(String from, ChainCore core, Output output) {
    switch (output) {
      case Output.Send(Message message) -> send(message);
      case Output.Commit(List<Entry> entries) -> tell(from + " applies " + entries);
      case Output.ReadView() -> {
        if (away.contains(id(from))) {
          core.viewFailed();
        } else {
          core.view(record, now);
        }
      }
      case Output.Swap(ChainView next) -> swap(from, core, next);
      case Output.Copy(long to, long index) -> {
        tell(from + " copies its state at " + index + " to " + name(to));
        ChainCore joins = cores.get(to);
        if (joins != null && joins.wantsCopy(index)) {
          joins.copied(index);
        }
        core.copySent(to);
      }
      case Output.Read(long id, long index) -> tell(from + " answers a read as of " + index);
      case Output.ReadFailed(long id) -> tell(from + " cannot answer a read");
      case Output.Stop(String why) -> {
        tell(from + " stops: " + why);
        cores.remove(id(from));
      }
    }
  }

  private void swap(String from, ChainCore core, ChainView next) {
    if (away.contains(id(from))) {
      core.swapFailed();
      return;
    }
    boolean won = record.version() == next.version();
    if (won) {
      record =
          new ChainView(next.version() + 1, CLUSTER, next.generation(), next.epoch(), next.chain());
    }
    String chain = String.join(">", next.chain().stream().map(ChainView.Link::name).toList());
    tell(from + " asks for epoch " + next.epoch() + " [" + chain + (won ? "]" : "], too late"));
    core.swapped(record, now);
  }

  private void send(Message message) {
    String way = name(message.from()) + name(message.to());
    if (!(message instanceof Message.Beat)) {
      tell(name(message.from()) + " -> " + name(message.to()) + " " + text(message));
    }
    if (message instanceof Message.Forward) {
      lastEntries.put(way, message);
    }
    List<Message> later = held.get(way);
    if (later != null) {
      later.add(message);
    } else if (!cut.contains(way)) {
      network.add(message);
    }
  }

  private static String text(Message message) {
    String epoch = " (epoch " + message.epoch() + ")";
    return switch (message) {
          case Message.Forward forward -> "forward " + forward.entries();
          case Message.Ack ack -> "ack " + ack.index();
          case Message.Hello hello -> "hello, I have " + hello.last();
          case Message.Join join -> "join, I have " + join.last();
          case Message.Ask ask -> "what is committed?";
          case Message.Answer answer -> "committed is " + answer.commit();
          case Message.Bye bye -> "bye";
          case Message.Beat beat -> "beat";
        }
        + epoch;
  }
}
