package io.sandstore.host.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class JvmMemoryTest {

  /**
   * Before: as full as the last collection said, so that a restart refused what had been accepted.
   */
  @Test
  void theStateIsRefusedByItsOwnSizeAndNotByGarbage() {
    JvmMemory memory = new JvmMemory(1000);
    assertThat(memory.hasRoom(699)).isTrue();
    assertThat(memory.hasRoom(700)).isFalse();
    assertThat(memory.hasRoom(699)).isTrue();
  }
}
