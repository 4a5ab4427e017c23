package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.wire.FileType;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ChangesTest {

  private final Changes changes = new Changes();
  private final Inode file =
      Inode.create(7, new Inode.Draft(FileType.REGULAR, 0644, 0, 0), Inode.ROOT, 0);

  private List<Long> after(long index, int command) {
    List<Long> indexes = new ArrayList<>();
    changes.forEachAfter(
        new Changes.Position(index, command), event -> indexes.add(event.at().index()));
    return indexes;
  }

  private void add(long index) {
    changes.at(index, 1);
    changes.added(new Keys.Dentry(Inode.ROOT, "n" + index), file);
    changes.tell();
  }

  @Test
  void theOldestGoWhenThereAreTooManyAndThatIsKnown() {
    for (int i = 1; i <= Changes.KEPT_MAX; i++) {
      add(100 + i);
    }
    assertThat(changes.knowsAllAfter(new Changes.Position(101, 0))).isTrue();
    assertThat(after(101, 0)).hasSize(Changes.KEPT_MAX);
    add(200_000);
    assertThat(changes.knowsAllAfter(new Changes.Position(101, 0))).isFalse();
    assertThat(changes.knowsAllAfter(new Changes.Position(101, 1))).isTrue();
    assertThat(after(101, 1)).hasSize(Changes.KEPT_MAX).startsWith(102L).endsWith(200_000L);
    assertThat(after(200_000, 0)).containsExactly(200_000L);
    assertThat(after(200_000, 1)).isEmpty();
  }

  @Test
  void whatWasBeforeTheFirstEntryOrIsYetToComeIsNotKnown() {
    assertThat(changes.hasBegun()).isFalse();
    add(10);
    assertThat(changes.knowsAllAfter(new Changes.Position(9, 1))).isFalse();
    assertThat(changes.knowsAllAfter(new Changes.Position(10, 0))).isTrue();
    assertThat(changes.knowsAllAfter(new Changes.Position(11, 0))).isFalse();
    changes.forget();
    assertThat(changes.hasBegun()).isFalse();
    add(20);
    assertThat(changes.knowsAllAfter(new Changes.Position(10, 1))).isFalse();
    assertThat(after(0, 0)).containsExactly(20L);
  }

  @Test
  void writesInARowAreToldOnceAndAtTheLast() {
    for (int i = 1; i <= 5; i++) {
      changes.at(i, 1);
      changes.content(file);
    }
    changes.attributes(file);
    changes.content(file);
    assertThat(after(0, 0)).containsExactly(5L, 5L, 5L);
  }

  @Test
  void whoWaitsIsWokenByAChangeAndByNothingElse() {
    CompletableFuture<Boolean> next = changes.next();
    changes.at(1, 1);
    changes.tell();
    assertThat(next).isNotDone();
    add(2);
    assertThat(next).isDone();
    assertThat(changes.next()).isNotDone();
  }
}
