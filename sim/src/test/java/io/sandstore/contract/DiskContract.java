package io.sandstore.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

/** What every {@link Disk} promises. */
abstract class DiskContract {

  abstract Disk disk() throws IOException;

  private static ByteBuffer bytes(int... values) {
    ByteBuffer buffer = ByteBuffer.allocate(values.length);
    for (int value : values) {
      buffer.put((byte) value);
    }
    return buffer.flip();
  }

  @Test
  void readsWhatWasWrittenWhereItWasWritten() throws IOException {
    try (DiskFile file = disk().open("a/b/file", true)) {
      file.write(bytes(1, 2, 3), 5);
      assertThat(file.size()).isEqualTo(8);
      ByteBuffer all = ByteBuffer.allocate(8);
      file.readFully(all, 0);
      assertThat(all.array()).containsExactly(0, 0, 0, 0, 0, 1, 2, 3);
      assertThat(file.read(ByteBuffer.allocate(1), 8)).isEqualTo(-1);
      assertThatThrownBy(() -> file.readFully(ByteBuffer.allocate(9), 0))
          .isInstanceOf(EOFException.class);
    }
  }

  /** Whole blocks and other bytes, in the cache or past it: one content. */
  @Test
  void directWritesAreSeenByReadsAndTheOtherWayRound() throws IOException {
    try (DiskFile file = disk().openDirect("direct/file", true)) {
      ByteBuffer blocks = DiskFile.wholeBlocks(3 * DiskFile.BLOCK_BYTES - 1);
      assertThat(blocks.capacity()).isEqualTo(3 * DiskFile.BLOCK_BYTES);
      for (int round = 1; round <= 3; round++) {
        blocks.put(0, (byte) round).put(blocks.capacity() - 1, (byte) -round);
        file.write(blocks.rewind(), DiskFile.BLOCK_BYTES);
        file.force();
        file.write(bytes(7 + round), 2 * DiskFile.BLOCK_BYTES + 1);
        ByteBuffer all = ByteBuffer.allocate(4 * DiskFile.BLOCK_BYTES);
        file.readFully(all, 0);
        assertThat(all.get(DiskFile.BLOCK_BYTES)).isEqualTo((byte) round);
        assertThat(all.get(2 * DiskFile.BLOCK_BYTES + 1)).isEqualTo((byte) (7 + round));
        assertThat(all.get(all.capacity() - 1)).isEqualTo((byte) -round);
      }
      file.force();
    }
  }

  @Test
  void aMissingFileIsSaidSo() throws IOException {
    Disk disk = disk();
    assertThatThrownBy(() -> disk.open("none", false)).isInstanceOf(NoSuchFileException.class);
    assertThat(disk.exists("none")).isFalse();
    disk.delete("none");
    assertThat(disk.list("nowhere")).isEmpty();
  }

  @Test
  void namesAreListedInOrder() throws IOException {
    Disk disk = disk();
    for (String name : new String[] {"d/c", "d/a", "d/b", "other"}) {
      disk.open(name, true).close();
    }
    assertThat(disk.list("d")).containsExactly("a", "b", "c");
  }

  @Test
  void renameReplaces() throws IOException {
    Disk disk = disk();
    try (DiskFile from = disk.open("from", true);
        DiskFile to = disk.open("to", true)) {
      from.write(bytes(7), 0);
      to.write(bytes(8, 9), 0);
    }
    disk.rename("from", "to");
    disk.forceDirectory("");
    assertThat(disk.exists("from")).isFalse();
    try (DiskFile file = disk.open("to", false)) {
      assertThat(file.size()).isEqualTo(1);
    }
  }

  @Test
  void anOpenFileOutlivesItsName() throws IOException {
    Disk disk = disk();
    try (DiskFile file = disk.open("gone", true)) {
      file.write(bytes(1), 0);
      disk.delete("gone");
      ByteBuffer one = ByteBuffer.allocate(1);
      file.readFully(one, 0);
      assertThat(one.array()).containsExactly(1);
    }
  }

  @Test
  void truncateCuts() throws IOException {
    try (DiskFile file = disk().open("cut", true)) {
      file.write(bytes(1, 2, 3), 0);
      file.truncate(2);
      assertThat(file.size()).isEqualTo(2);
    }
  }

  @Test
  void everythingCanBeForced() throws IOException {
    Disk disk = disk();
    try (DiskFile file = disk.open("x/y", true)) {
      file.write(bytes(1), 0);
      file.force();
    }
    disk.forceDirectory("x");
    disk.forceAll();
    assertThat(disk.freeBytes()).isPositive().isLessThanOrEqualTo(disk.totalBytes());
    assertThat(disk.freeFiles()).isPositive();
  }
}
