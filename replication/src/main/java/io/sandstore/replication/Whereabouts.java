package io.sandstore.replication;

import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import java.util.List;

/**
 * What a block's {@code where} means: a number that the namespace keeps with every block, and that
 * nobody but the block plane understands. 0 is nowhere.
 *
 * <p>Pure: it is asked where commands apply, on every member alike, so that the same arguments give
 * the same answer on every machine and in every release.
 */
public interface Whereabouts {

  /** Of a block whose bytes came with a command: every member has it. */
  long everywhere(Configuration members);

  /** What is left when these are the members; 0: nobody who had the block is left. */
  long among(long where, Configuration members);

  /** With a member that has the block as well by now. */
  long with(long where, Member member);

  /** False if more members should have the block than do. */
  boolean isComplete(long where, Configuration members);

  /** Who has the block, in the order in which to ask them. */
  List<Member> holders(long where, Configuration members);
}
