/**
 * A replicated log by Raft (Ongaro and Ousterhout 2014; sections cited are of Ongaro's thesis).
 *
 * <p>Starting points: {@link io.sandstore.replication.CommandLog} is what the rest of a node sees;
 * {@link io.sandstore.raft.RaftCore} is the protocol, a pure state machine without I/O, threads or
 * a clock; {@link io.sandstore.raft.RaftDriver} runs it on one thread with {@link
 * io.sandstore.raft.LogStore} as its disk.
 */
@NullMarked
package io.sandstore.raft;

import org.jspecify.annotations.NullMarked;
