package io.sandstore.profile;

import java.util.List;

/** The kinds that a profile can be made of. A new one is added here, and nowhere else. */
final class Kinds {

  static final List<LogKind> LOGS = List.of(new RaftLogKind());

  static final List<BlockKind> BLOCKS = List.of(new FileBlocks(), new MemoryBlocks());

  private Kinds() {}
}
