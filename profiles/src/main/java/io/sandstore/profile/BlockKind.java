package io.sandstore.profile;

import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import java.io.IOException;
import java.util.List;
import java.util.Set;

/** A way to keep the bytes of files: what {@code blocks = NAME} in a profile chooses. */
public interface BlockKind {

  /** By which profiles choose it. */
  String name();

  /** What data and messages depend on, in words that change when they do. */
  String form();

  /** What it promises of files' bytes, in a sentence for people. */
  String promise();

  /** True if what it acknowledged is there again when its process comes back. */
  boolean survivesRestart();

  /** How it can make a block's copies. */
  Set<Parts.Copies> copies();

  /** What an operator can tell it. */
  List<Settings.Key> keys();

  /**
   * Refuses settings that are in order by themselves but not together.
   *
   * @throws IllegalArgumentException with a line that says what to set
   */
  void check(Settings settings);

  /** Opens what keeps a node's blocks. Nothing runs yet. */
  BlockPlane blocks(Site site, Parts.Copies copies) throws IOException;
}
