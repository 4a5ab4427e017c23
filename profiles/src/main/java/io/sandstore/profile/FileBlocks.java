package io.sandstore.profile;

import io.sandstore.block.ReplicatedBlocks;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import java.io.IOException;
import java.util.List;
import java.util.Set;

/** {@code blocks = files}: each block a file on the disk of each of its holders. */
final class FileBlocks implements BlockKind {

  @Override
  public String name() {
    return "files";
  }

  @Override
  public String form() {
    return "blocks in files of their own, three copies by members' slots";
  }

  @Override
  public String promise() {
    return "bytes that fsync or close acknowledged are on the disks of three members as a rule, and"
        + " of two at least, forced and with checksums: they outlast any one of these disks, and the"
        + " next once copies were made anew; what is damaged is mended from another copy";
  }

  @Override
  public boolean survivesRestart() {
    return true;
  }

  @Override
  public Set<Parts.Copies> copies() {
    return Set.of(Parts.Copies.STAR);
  }

  @Override
  public List<Settings.Key> keys() {
    return ReplicatedBlocks.KEYS;
  }

  @Override
  public void check(Settings settings) {
    // Each of them is in order with any other.
  }

  @Override
  public BlockPlane blocks(Site site, Parts.Copies copies) throws IOException {
    return new ReplicatedBlocks(site);
  }
}
