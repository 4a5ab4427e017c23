package io.sandstore.chaos;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Decides whether a history is linearizable: whether there is an order of its operations, each
 * somewhere between its call and its return, in which a sequential {@link Model} gives the same
 * answers. An operation without an answer may stand anywhere after its call, or nowhere.
 *
 * <p>The search of Wing and Gong, "Testing and Verifying Concurrent Objects" (1993), with the
 * memoisation of Lowe, "Testing for Linearizability" (2017): a set of operations that led to a
 * state once need not be tried again. Exponential in the number of operations that overlap, so
 * histories are to be short (about a hundred) and of few clients.
 */
public final class Checker {

  /** The outcome. Unknown is no comfort: it counts as a failure. */
  public enum Verdict {
    LINEARIZABLE,
    VIOLATION,
    UNKNOWN
  }

  private static final class Event {
    final int index;
    final @Nullable Event returned; // of a call with an answer; null otherwise
    final boolean call;
    Event previous = this;
    @Nullable Event next;

    Event(int index, boolean call, @Nullable Event returned) {
      this.index = index;
      this.call = call;
      this.returned = returned;
    }

    void unlink() {
      previous.next = next;
      if (next != null) {
        next.previous = previous;
      }
    }

    void relink() {
      previous.next = this;
      if (next != null) {
        next.previous = this;
      }
    }
  }

  private record Choice<S>(Event call, S before) {}

  private record Visited<S>(BitSet done, S state) {}

  private Checker() {}

  /** Each remembers a set and a state: some hundred MiB. */
  private static final int VISITED_MAX = 1_000_000;

  /** Searches, at most for so long, and remembers so much. */
  public static <S> Verdict check(Model<S> plain, List<Operation> history, Duration limit) {
    Model<S> model = plain.knowing(history);
    long end = System.nanoTime() + limit.toNanos();
    Event head = link(history);
    long open = history.stream().filter(o -> o.result().isPresent()).count();
    S state = model.initial();
    BitSet done = new BitSet();
    Set<Visited<S>> visited = new HashSet<>();
    Deque<Choice<S>> chosen = new ArrayDeque<>();
    Event event = head.next;
    for (long steps = 0; open > 0; steps++) {
      if (visited.size() > VISITED_MAX || (steps % 1024 == 0 && System.nanoTime() > end)) {
        return Verdict.UNKNOWN;
      }
      if (event != null && event.call) {
        Operation operation = history.get(event.index);
        Model.Step<S> step = model.apply(state, operation);
        boolean fits =
            operation.result().map(step.result()::equals).orElse(succeeded(step.result()));
        done.set(event.index);
        if (fits && visited.add(new Visited<>((BitSet) done.clone(), step.state()))) {
          chosen.push(new Choice<>(event, state));
          state = step.state();
          event.unlink();
          if (event.returned != null) {
            event.returned.unlink();
            open--;
          }
          event = head.next;
        } else {
          done.clear(event.index);
          event = event.next;
        }
      } else if (chosen.isEmpty()) {
        return Verdict.VIOLATION;
      } else {
        // Something that returned before all that is left was called cannot be placed: go back.
        Choice<S> last = chosen.pop();
        state = last.before;
        done.clear(last.call.index);
        if (last.call.returned != null) {
          last.call.returned.relink();
          open++;
        }
        last.call.relink();
        event = last.call.next;
      }
    }
    return Verdict.LINEARIZABLE;
  }

  private static boolean succeeded(String result) {
    return result.startsWith(Operation.OK);
  }

  /** Calls and returns in the order of time, behind a head. */
  private static Event link(List<Operation> history) {
    record Timed(long at, Event event) {}
    List<Timed> events = new ArrayList<>();
    for (int i = 0; i < history.size(); i++) {
      Operation operation = history.get(i);
      Event returned = null;
      if (operation.result().isPresent()) {
        returned = new Event(i, false, null);
        events.add(new Timed(operation.returnedNanos(), returned));
      }
      events.add(new Timed(operation.calledNanos(), new Event(i, true, returned)));
    }
    // At the same nanosecond calls come first: then they overlap, which allows more, never less.
    events.sort(Comparator.comparingLong(Timed::at).thenComparing(t -> !t.event.call));
    Event head = new Event(-1, false, null);
    Event last = head;
    for (Timed timed : events) {
      last.next = timed.event;
      timed.event.previous = last;
      last = timed.event;
    }
    return head;
  }
}
