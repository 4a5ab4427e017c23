package io.sandstore.chain;

import java.util.List;

/** What {@link ChainCore} wants done, in this order. */
public sealed interface Output {

  record Send(Message message) implements Output {}

  /** These entries are committed: apply them. */
  record Commit(List<Entry> entries) implements Output {

    public Commit {
      entries = List.copyOf(entries);
    }
  }

  /** Read the record, then {@link ChainCore#view} or {@link ChainCore#viewFailed}. */
  record ReadView() implements Output {}

  /**
   * Put this in the record's place if its version is still that, then {@link ChainCore#swapped} or
   * {@link ChainCore#swapFailed}.
   */
  record Swap(ChainView next) implements Output {}

  /**
   * Send the state as it is now to one that joins, then {@link ChainCore#copySent}.
   *
   * @param index up to which entries are applied
   */
  record Copy(long to, long index) implements Output {}

  /** A read may be answered once everything up to this index is applied. */
  record Read(long id, long index) implements Output {}

  /** This member cannot know what a read should show. */
  record ReadFailed(long id) implements Output {}

  /** This process is in the chain no more, and nothing that it knows counts. */
  record Stop(String why) implements Output {}
}
