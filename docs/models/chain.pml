/*
 * The chain protocol with its reconfiguration, for spin. bin/check-models runs it, and each of the
 * faults named below, which must be found. docs/reliability.md says what this shows and what not.
 *
 * The protocol: chain replication (van Renesse, Schneider, OSDI 2004) whose members all answer reads
 * (CRAQ; Terrace, Freedman, USENIX ATC 2009), with views in one record that is changed by
 * compare-and-set, and with leases instead of fail-stop processes.
 *
 *   - The record has an epoch and the order of the chain. Messages carry their sender's epoch; who is
 *     in another one drops them.
 *   - The head orders writes. Each member forwards what its successor lacks; the tail commits what it
 *     has, and the word of it goes up. The head acknowledges what it knows to be committed.
 *   - Who enters a view hears first how far its successor is, and sends from there.
 *   - A member that has nothing uncommitted answers reads at once, one that has asks the tail. Both
 *     the first and the tail need a lease: the word of all others of the view that they will not
 *     remove it yet. A member that wants to remove another stops giving its word, waits until what it
 *     gave is over, and then changes the record.
 *   - A new member copies from the tail, which serves meanwhile and adds it once it has all.
 *   - Who proposes a view does nothing under the old one until it knows what became of that: it
 *     takes, commits and answers nothing, and gives its word to nobody.
 *
 * The bounds of what is searched, exhaustively: three nodes, and
 */
#ifndef WRITES
#define WRITES 2 /* writes, at most 3 */
#endif
#ifndef VIEWS
#define VIEWS 4 /* epochs, the first included */
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef ASKS
#define ASKS 1 /* reads that ask the tail; those that do not are unbounded */
#endif
#ifndef NET
#define NET 2 /* messages on their way at a time: in any order, each may be lost */
#endif
/*
 * Faults, each a macro:
 *   NO_EPOCH       messages of other epochs are taken
 *   NO_CAS         the record is written without comparing
 *   NO_LEASE       who is removed is not waited for
 *   EARLY_COMMIT   committed is what the successor has, not what the tail has
 *   SENT_DROPPED   what the last successor was sent counts as sent when that is gone
 *   DIRTY_SERVED   what is not committed is served
 *   EARLY_JOIN     a member is added before it has copied
 *   BUSY_PROPOSER  who proposes a view goes on under the old one
 */

#define NONE 3 /* no node */
#define UNKNOWN 7 /* how far a successor is */

/* A chain is a number: three nodes of two bits, from the head. */
#define CHAIN(a, b, c) ((a) | (b) << 2 | (c) << 4)
#define FIRST(v) ((v) & 3)
#define SECOND(v) ((v) >> 2 & 3)
#define THIRD(v) ((v) >> 4 & 3)
#define IN(v, n) ((v) != 0 && (FIRST(v) == (n) || SECOND(v) == (n) || THIRD(v) == (n)))
#define TAIL(v) (THIRD(v) != NONE -> THIRD(v) : (SECOND(v) != NONE -> SECOND(v) : FIRST(v)))
#define AFTER(v, n) (FIRST(v) == (n) -> SECOND(v) : (SECOND(v) == (n) -> THIRD(v) : NONE))
#define BEFORE(v, n) (SECOND(v) == (n) -> FIRST(v) : (THIRD(v) == (n) -> SECOND(v) : NONE))
#define WITHOUT(v, n) (FIRST(v) == (n) -> ((v) >> 2 | NONE << 4) : \
    (SECOND(v) == (n) -> CHAIN(FIRST(v), THIRD(v), NONE) : CHAIN(FIRST(v), SECOND(v), NONE)))
#define WITH(v, n) (SECOND(v) == NONE -> CHAIN(FIRST(v), n, NONE) : CHAIN(FIRST(v), SECOND(v), n))

/* So is a history: writes 1 to 3, the oldest first. */
#define LEN(h) ((h) == 0 -> 0 : ((h) < 4 -> 1 : ((h) < 16 -> 2 : 3)))
#define PREFIX(h, k) ((h) >> 2 * (LEN(h) - (k)))
#define IS_PREFIX(a, b) (LEN(a) <= LEN(b) && PREFIX(b, LEN(a)) == (a))

/* And a message. */
#define FORWARD 1 /* a: which of the history, b: the write */
#define REPORT 2 /* to the predecessor; a: length of the history, b: of it committed */
#define ASK 3 /* of the tail; a: number of the read */
#define TELL 4 /* a: number of the read, b: committed */
#define COPY 5 /* to a new member; a: the history */
#define COPIED 6 /* a: length of the history */
#define MESSAGE(type, from, to, e, a, b) \
    ((type) | (from) << 3 | (to) << 5 | (e) << 7 | (b) << 10 | (a) << 12)
#define TYPE(m) ((m) & 7)
#define FROM(m) ((m) >> 3 & 3)
#define TO(m) ((m) >> 5 & 3)
#define EPOCH(m) ((m) >> 7 & 7)
#define B(m) ((m) >> 10 & 3)
#define A(m) ((m) >> 12)

/* The record, and each node. A node whose epoch is 0 is a process that no view has yet. */
byte record = 1;
byte view;
bool up[3];
byte epoch[3];
byte chain[3];
byte hist[3];
byte committed[3];
byte known[3]; /* how far the successor is, as far as this node heard */
byte proposed[3]; /* the view that it proposes */
bool leased[3];
byte asking[3]; /* number of the read that waits for the tail's word */
byte least[3]; /* what that read must show */
byte copied[3]; /* a new process: the epoch of what it has */
int net[NET]; /* sorted, so that the order in which they were sent makes no difference; 0: none */

byte writes, asks, crashes;
/* What is checked with: the longest committed history, how much of it clients know to be written,
 * and how much they know of by either acknowledgements or reads. */
byte all, acked, seen;

/* Always false: names for what spin says is broken. */
hidden byte updates_propagate, one_head_an_epoch, one_history, acknowledged_is_kept;
hidden byte reads_are_fresh_and_committed, nothing_is_stuck;
#define CHECK(holds, name) \
    if \
    :: holds \
    :: else -> assert(name) \
    fi

/* --- The network --- */

#define ON_ITS_WAY(m) (net[0] == (m) || net[NET - 1] == (m) || net[NET / 2] == (m))
#define ROOM (net[NET - 1] == 0)
#define CAN_SEND(m) (ROOM && !ON_ITS_WAY(m))

/* For one step only, and so no part of a state. */
hidden int message, other, got;
hidden byte i, k, count;

/* Sends what is in message. */
inline send() {
  for (i : 0 .. NET - 1) {
    if
    :: message > net[i] -> other = net[i]; net[i] = message; message = other
    :: else
    fi
  }
  message = 0; other = 0; i = 0
}

inline remove(slot) {
  for (i : slot .. NET - 2) {
    net[i] = net[i + 1]
  }
  net[NET - 1] = 0; i = 0
}

/* What will have no effect goes at once: that makes fewer states and no other histories. */
#define FORGET(unwanted) \
  k = 0; \
  do \
  :: k < NET && net[k] != 0 && (unwanted) -> remove(k) \
  :: k < NET && !(net[k] != 0 && (unwanted)) -> k++ \
  :: k >= NET -> break \
  od; \
  k = 0
#define TO_THIS (TO(net[k]) == n)
#define OF_AN_OLD_EPOCH (TO(net[k]) == n && (EPOCH(net[k]) < epoch[n] || TYPE(net[k]) >= COPY))
#define OF_THE_LAST_COPY (FROM(net[k]) == n && TYPE(net[k]) == COPIED)

/* --- What a node does --- */

#ifdef BUSY_PROPOSER
#define ACTIVE(n) (up[n] && epoch[n] != 0)
#else
#define ACTIVE(n) (up[n] && epoch[n] != 0 && proposed[n] == 0)
#endif
/* Whether n may count on g for now. */
#define GIVES_ITS_WORD(g, n) (!IN(chain[n], g) || (g) == (n) || ACTIVE(g) && epoch[g] == epoch[n])
#define READS(n) (ACTIVE(n) && leased[n])
#define CLEAN(n) (committed[n] == LEN(hist[n]))

/* The first count of the history are committed. */
inline commit() {
  if
  :: count > committed[n] ->
    committed[n] = count;
    other = PREFIX(hist[n], count);
    CHECK(IS_PREFIX(other, all) || IS_PREFIX(all, other), one_history);
    all = (LEN(other) > LEN(all) -> other : all);
    other = 0;
    if
    :: FIRST(chain[n]) == n ->
      acked = (count > acked -> count : acked);
      seen = (count > seen -> count : seen)
    :: else
    fi
  :: else
  fi;
  count = 0
}

inline new_process() {
  epoch[n] = 0; chain[n] = 0; hist[n] = 0; committed[n] = 0; known[n] = UNKNOWN; proposed[n] = 0;
  leased[n] = false; asking[n] = 0; least[n] = 0; copied[n] = 0
}

/* Whether it has its place still. */
#define MEANT(m) (IN(view, m) || IN(proposed[0], m) || IN(proposed[1], m) || IN(proposed[2], m))

/* A lease begins as early as it can: a later one allows nothing more. */
#define LEASE(m) leased[m] = (leased[m] || ACTIVE(m) && GIVES_ITS_WORD(0, m) && \
    GIVES_ITS_WORD(1, m) && GIVES_ITS_WORD(2, m))

inline enter() {
  epoch[n] = record; chain[n] = view;
#ifdef SENT_DROPPED
  known[n] = (copied[n] == 0 && AFTER(chain[n], n) != NONE -> LEN(hist[n]) : UNKNOWN);
#else
  known[n] = UNKNOWN;
#endif
  proposed[n] = 0; leased[n] = false; asking[n] = 0; least[n] = 0; copied[n] = 0;
  LEASE(0); LEASE(1); LEASE(2);
  if
  :: TAIL(chain[n]) == n -> count = LEN(hist[n]); commit()
  :: else
  fi;
#ifndef NO_EPOCH
  FORGET(OF_AN_OLD_EPOCH)
#endif
}

#ifdef NO_EPOCH
#define FENCED(m, n) (epoch[n] == 0)
#else
#define FENCED(m, n) (epoch[n] != EPOCH(m))
#endif

/* Takes the message m that was sent to n. */
inline receive(m) {
  if
  :: TYPE(m) == FORWARD && ACTIVE(n) && !FENCED(m, n) ->
    if
    :: A(m) == LEN(hist[n]) + 1 ->
      hist[n] = hist[n] << 2 | B(m);
      if
      :: TAIL(chain[n]) == n -> count = LEN(hist[n]); commit()
      :: else
      fi
    :: A(m) <= LEN(hist[n]) && ROOM -> /* had already: its sender does not know */
      message = MESSAGE(REPORT, n, FROM(m), EPOCH(m), LEN(hist[n]), committed[n]); send()
    :: else
    fi
  :: TYPE(m) == REPORT && ACTIVE(n) && !FENCED(m, n) ->
    known[n] = (known[n] == UNKNOWN || known[n] < A(m) -> A(m) : known[n]);
#ifdef EARLY_COMMIT
    count = (A(m) < LEN(hist[n]) -> A(m) : LEN(hist[n])); commit()
#else
    count = (B(m) < LEN(hist[n]) -> B(m) : LEN(hist[n])); commit()
#endif
  :: TYPE(m) == ASK && READS(n) && !FENCED(m, n) && TAIL(chain[n]) == n && ROOM ->
    message = MESSAGE(TELL, n, FROM(m), EPOCH(m), A(m), committed[n]); send()
  :: TYPE(m) == TELL && ACTIVE(n) && !FENCED(m, n) && asking[n] == A(m) && B(m) <= LEN(hist[n]) ->
    CHECK(B(m) >= least[n] && IS_PREFIX(PREFIX(hist[n], B(m)), all), reads_are_fresh_and_committed);
    seen = (B(m) > seen -> B(m) : seen);
    asking[n] = 0; least[n] = 0
  :: TYPE(m) == COPY && up[n] && epoch[n] == 0 && ROOM && (EPOCH(m) > copied[n] ||
      EPOCH(m) == copied[n] && LEN(A(m)) >= LEN(hist[n])) ->
    hist[n] = A(m); copied[n] = EPOCH(m);
    message = MESSAGE(COPIED, n, FROM(m), EPOCH(m), LEN(hist[n]), 0); send()
  :: TYPE(m) == COPIED && ACTIVE(n) && !FENCED(m, n) && proposed[n] == 0 && epoch[n] < VIEWS &&
      TAIL(chain[n]) == n && !IN(chain[n], FROM(m)) && A(m) == LEN(hist[n]) ->
    proposed[n] = WITH(chain[n], FROM(m))
  :: else
  fi
}

#define RECEIVES(slot) up[n] && net[slot] != 0 && TO(net[slot]) == n -> \
    got = net[slot]; remove(slot); receive(got)

proctype node(byte n) {
end:
  do
  /* The head takes a write. */
  :: d_step { ACTIVE(n) && FIRST(chain[n]) == n && writes < WRITES ->
      writes++;
      hist[n] = hist[n] << 2 | writes;
      if
      :: TAIL(chain[n]) == n -> count = LEN(hist[n]); commit()
      :: else
      fi }

  /* What the successor lacks goes to it, in any order, and again. */
#define FORWARDS(at) ACTIVE(n) && AFTER(chain[n], n) != NONE && known[n] != UNKNOWN && known[n] < at && \
    LEN(hist[n]) >= at && CAN_SEND(THE_FORWARD(at)) -> message = THE_FORWARD(at); send()
#define THE_FORWARD(at) \
    MESSAGE(FORWARD, n, AFTER(chain[n], n), epoch[n], at, PREFIX(hist[n], at) & 3)
  :: d_step { FORWARDS(1) }
  :: d_step { FORWARDS(2) }
#if WRITES > 2
  :: d_step { FORWARDS(3) }
#endif

  /* How far this one is. A predecessor in another epoch would not listen. */
#define THE_REPORT \
    MESSAGE(REPORT, n, BEFORE(chain[n], n), epoch[n], LEN(hist[n]), committed[n])
  :: d_step { ACTIVE(n) && BEFORE(chain[n], n) != NONE &&
      epoch[BEFORE(chain[n], n)] == epoch[n] && up[BEFORE(chain[n], n)] &&
      (known[BEFORE(chain[n], n)] == UNKNOWN || known[BEFORE(chain[n], n)] < LEN(hist[n]) ||
        committed[BEFORE(chain[n], n)] < committed[n]) &&
      CAN_SEND(THE_REPORT) -> message = THE_REPORT; send() }

  :: d_step { RECEIVES(0) }
#if NET > 1
  :: d_step { RECEIVES(1) }
#endif
#if NET > 2
  :: d_step { RECEIVES(2) }
#endif

  /* Reads. That a clean member may answer at any time is checked below. */
  :: d_step { READS(n) && CLEAN(n) && committed[n] > seen -> seen = committed[n] }
#define THE_ASK MESSAGE(ASK, n, TAIL(chain[n]), epoch[n], asks + 1, 0)
  :: d_step { READS(n) && !CLEAN(n) && asking[n] == 0 && asks < ASKS && CAN_SEND(THE_ASK) ->
      message = THE_ASK; send();
      asks++;
      asking[n] = asks;
      least[n] = seen }

  /* Removes another, once its lease is over: which a node's clock tells it no later than the clock
   * of who waits for that. That it ends just then, and not long before, allows the most. */
#if defined(NO_LEASE)
#define ENDS(m) leased[m]
#elif defined(BUSY_PROPOSER)
  /* m may be in an older view than this one, and count on members of that. */
#define ENDS(m) (leased[m] && !IN(chain[m], n))
#else
  /* One of them proposed the next view, and has given its word to nobody since. */
#define ENDS(m) false
#endif
#define REMOVES(m) ACTIVE(n) && proposed[n] == 0 && n != m && IN(chain[n], m) && epoch[n] < VIEWS -> \
    leased[m] = ENDS(m); proposed[n] = WITHOUT(chain[n], m)
  :: d_step { REMOVES(0) }
  :: d_step { REMOVES(1) }
  :: d_step { REMOVES(2) }

  /* Changes the record, perhaps after it died. */
#ifdef NO_CAS
  :: d_step { proposed[n] != 0 -> record = epoch[n] + 1; view = proposed[n];
      if
      :: up[n] && IN(view, n) -> enter()
      :: else -> proposed[n] = 0
      fi }
#else
  :: d_step { proposed[n] != 0 && record == epoch[n] -> record++; view = proposed[n];
      if
      :: !up[n] -> proposed[n] = 0
      :: else
      fi }
#endif
  :: d_step { up[n] && record > epoch[n] && IN(view, n) -> enter() }
  :: d_step { up[n] && epoch[n] != 0 && record > epoch[n] && !IN(view, n) ->
      new_process(); FORGET(TO_THIS) }

  /* A new member copies. */
#define THE_COPY(j) MESSAGE(COPY, n, j, epoch[n], hist[n], 0)
#ifdef EARLY_JOIN
#define ADDS(j) ACTIVE(n) && proposed[n] == 0 && TAIL(chain[n]) == n && !IN(chain[n], j) && up[j] && \
    epoch[j] == 0 && epoch[n] < VIEWS -> proposed[n] = WITH(chain[n], j)
#else
#define ADDS(j) ACTIVE(n) && proposed[n] == 0 && TAIL(chain[n]) == n && !IN(chain[n], j) && up[j] && \
    epoch[j] == 0 && epoch[n] < VIEWS && CAN_SEND(THE_COPY(j)) -> message = THE_COPY(j); send()
#endif
  :: d_step { ADDS(0) }
  :: d_step { ADDS(1) }
  :: d_step { ADDS(2) }

  /* Crashes, with all that it had in memory. What comes back is a new process, of another name: it
   * has this one's place here once no view, and no proposal, has the old one. */
  :: d_step { up[n] && crashes < CRASHES -> crashes++; up[n] = false;
      committed[n] = 0; known[n] = UNKNOWN; leased[n] = false; asking[n] = 0; least[n] = 0;
      copied[n] = 0; FORGET(TO_THIS) }
  :: d_step { !up[n] && proposed[n] == 0 && !MEANT(n) ->
      up[n] = true; new_process(); FORGET(TO_THIS); FORGET(OF_THE_LAST_COPY) }
  od
}

/* --- What must hold --- */

/* Update Propagation: what a successor has, its predecessor has in the same order. */
#define PROPAGATES(p, s) (!up[p] || epoch[p] == 0 || epoch[p] != epoch[s] || AFTER(chain[p], p) != (s) || \
    IS_PREFIX(hist[s], hist[p]))
/* One view an epoch, and so one head. */
#define AGREE(n, m) (epoch[n] == 0 || epoch[n] != epoch[m] || chain[n] == chain[m])
/* What was acknowledged is at every member of the newest view: it lives as long as one of them. */
#define KEEPS(n) (!IN(view, n) || \
    LEN(hist[n]) >= acked && PREFIX(hist[n], acked) == PREFIX(all, acked))
/* Who answers at once answers with what is committed and not older than what anybody knows of. */
#ifdef DIRTY_SERVED
#define ANSWERS(n) (!READS(n) || LEN(hist[n]) >= seen && IS_PREFIX(hist[n], all))
#else
#define ANSWERS(n) (!READS(n) || !CLEAN(n) || committed[n] >= seen)
#endif
/* Nothing is stuck: where nothing can happen any more, and all members of the newest view live and
 * know it, they have the same, and all of it is committed. */
#define IN_ORDER(n) (!IN(view, n) || up[n] && epoch[n] == record && proposed[n] == 0)
#define DONE(n) (!IN(view, n) || CLEAN(n) && hist[n] == all)
#define SETTLED (!(IN_ORDER(0) && IN_ORDER(1) && IN_ORDER(2)) || DONE(0) && DONE(1) && DONE(2))

active proctype world() {
  if
  :: view = CHAIN(0, 1, 2)
  :: view = CHAIN(0, 1, NONE)
  fi;
  atomic {
    up[0] = true; up[1] = true; up[2] = true;
    leased[0] = true; leased[1] = true; leased[2] = IN(view, 2);
    known[0] = UNKNOWN; known[1] = UNKNOWN; known[2] = UNKNOWN;
    epoch[0] = 1; chain[0] = view; epoch[1] = 1; chain[1] = view;
    if
    :: IN(view, 2) -> epoch[2] = 1; chain[2] = view
    :: else
    fi;
    run node(0); run node(1); run node(2)
  };
end:
  do
  :: d_step { net[0] != 0 -> remove(0) } /* lost */
#if NET > 1
  :: d_step { net[1] != 0 -> remove(1) }
#endif
#if NET > 2
  :: d_step { net[2] != 0 -> remove(2) }
#endif
  :: !(PROPAGATES(0, 1) && PROPAGATES(0, 2) && PROPAGATES(1, 0) && PROPAGATES(1, 2) &&
      PROPAGATES(2, 0) && PROPAGATES(2, 1)) -> assert(updates_propagate)
  :: !(AGREE(0, 1) && AGREE(0, 2) && AGREE(1, 2)) -> assert(one_head_an_epoch)
  :: !(KEEPS(0) && KEEPS(1) && KEEPS(2)) -> assert(acknowledged_is_kept)
  :: !(ANSWERS(0) && ANSWERS(1) && ANSWERS(2)) -> assert(reads_are_fresh_and_committed)
  :: timeout ->
    CHECK(SETTLED, nothing_is_stuck);
    break
  od
}
