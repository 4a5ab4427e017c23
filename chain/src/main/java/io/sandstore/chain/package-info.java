/**
 * A replicated log by chain replication (van Renesse and Schneider 2004) whose every member answers
 * reads (CRAQ, Terrace and Freedman 2009), in memory.
 *
 * <p>Starting points: {@link io.sandstore.chain.ChainCore} is the protocol, a pure state machine
 * without I/O, threads or a clock; {@link io.sandstore.chain.ChainLog} runs it on one thread. Who
 * is in the chain is agreed on by compare-and-set of one record, see {@link
 * io.sandstore.chain.ChainView}.
 */
@NullMarked
package io.sandstore.chain;

import org.jspecify.annotations.NullMarked;
