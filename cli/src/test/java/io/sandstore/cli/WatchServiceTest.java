package io.sandstore.cli;

import static java.nio.file.StandardWatchEventKinds.ENTRY_CREATE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_DELETE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_MODIFY;
import static java.nio.file.StandardWatchEventKinds.OVERFLOW;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same watchers on a local file system and on a cluster are told the same. */
@Tag("slow")
class WatchServiceTest extends BothFileSystems {

  private static final long LIMIT_S = 60;

  /** What is told up to an event, which must come. */
  private static List<String> toldUpTo(WatchService service, String last)
      throws InterruptedException {
    List<String> told = new ArrayList<>();
    while (!told.contains(last)) {
      WatchKey key = service.poll(LIMIT_S, TimeUnit.SECONDS);
      assertThat(key).as("after %s", told).isNotNull();
      for (WatchEvent<?> event : key.pollEvents()) {
        told.add(event.kind().name().substring("ENTRY_".length()) + " " + event.context());
      }
      key.reset();
    }
    return told;
  }

  @ParameterizedTest
  @MethodSource("roots")
  void namesThatComeChangeAndGoAreTold(Root root) throws Exception {
    Path directory = root.fresh();
    Path below = Files.createDirectory(directory.resolve("below"));
    try (WatchService service = directory.getFileSystem().newWatchService()) {
      WatchKey key = directory.register(service, ENTRY_CREATE, ENTRY_DELETE, ENTRY_MODIFY);
      assertThat(key.watchable()).isEqualTo(directory);
      assertThat(key.isValid()).isTrue();
      Files.writeString(directory.resolve("a"), "text");
      Files.writeString(below.resolve("unseen"), "text");
      assertThat(toldUpTo(service, "MODIFY a")).startsWith("CREATE a").doesNotContain("CREATE b");
      Files.move(directory.resolve("a"), directory.resolve("b"));
      assertThat(toldUpTo(service, "CREATE b")).contains("DELETE a");
      Files.move(directory.resolve("b"), below.resolve("b"));
      assertThat(toldUpTo(service, "DELETE b")).doesNotContain("CREATE unseen");
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void onlyWhatWasAskedForIsToldAndThatCanBeChanged(Root root) throws Exception {
    Path directory = root.fresh();
    try (WatchService service = directory.getFileSystem().newWatchService()) {
      WatchKey key = directory.register(service, ENTRY_DELETE);
      Files.createFile(directory.resolve("a"));
      Files.delete(directory.resolve("a"));
      assertThat(toldUpTo(service, "DELETE a")).containsExactly("DELETE a");
      assertThat(directory.register(service, ENTRY_CREATE)).isSameAs(key);
      Files.createFile(directory.resolve("b"));
      assertThat(toldUpTo(service, "CREATE b")).containsExactly("CREATE b");
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aKeyOfADirectoryThatIsRemovedIsNotValidAnyMore(Root root) throws Exception {
    Path directory = Files.createDirectory(root.fresh().resolve("d"));
    try (WatchService service = directory.getFileSystem().newWatchService()) {
      WatchKey key = directory.register(service, ENTRY_CREATE);
      Files.delete(directory);
      assertThat(service.poll(LIMIT_S, TimeUnit.SECONDS)).isSameAs(key);
      assertThat(key.reset()).isFalse();
      assertThat(key.isValid()).isFalse();
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aKeyThatIsCancelledIsToldNothing(Root root) throws Exception {
    Path directory = root.fresh();
    Path other = root.fresh();
    try (WatchService service = directory.getFileSystem().newWatchService()) {
      WatchKey key = directory.register(service, ENTRY_CREATE);
      other.register(service, ENTRY_CREATE);
      key.cancel();
      assertThat(key.isValid()).isFalse();
      Files.createFile(directory.resolve("a"));
      Files.createFile(other.resolve("b"));
      assertThat(toldUpTo(service, "CREATE b")).containsExactly("CREATE b");
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void whoDoesNotLookInTimeIsToldOfEverythingOrThatSomethingWasMissed(Root root) throws Exception {
    int count = 600;
    Path directory = root.fresh();
    try (WatchService service = directory.getFileSystem().newWatchService()) {
      directory.register(service, ENTRY_CREATE);
      for (int i = 0; i < count; i++) {
        Files.createFile(directory.resolve("n" + i));
      }
      List<WatchEvent<?>> events = new ArrayList<>();
      while (events.size() < count && events.stream().noneMatch(e -> e.kind() == OVERFLOW)) {
        WatchKey key = service.poll(LIMIT_S, TimeUnit.SECONDS);
        assertThat(key).as("%d of %d were told", events.size(), count).isNotNull();
        events.addAll(key.pollEvents());
        key.reset();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aClosedServiceSaysSoAlsoToThoseWhoWait(Root root) throws Exception {
    Path directory = root.fresh();
    WatchService service = directory.getFileSystem().newWatchService();
    WatchKey key = directory.register(service, ENTRY_CREATE);
    List<Object> thrown = new ArrayList<>();
    Thread waits =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    service.take();
                  } catch (ClosedWatchServiceException | InterruptedException e) {
                    thrown.add(e);
                  }
                });
    service.close();
    waits.join();
    assertThat(thrown).hasOnlyElementsOfType(ClosedWatchServiceException.class).hasSize(1);
    assertThat(key.isValid()).isFalse();
    refused(ClosedWatchServiceException.class, service::poll);
    refused(ClosedWatchServiceException.class, () -> directory.register(service, ENTRY_CREATE));
  }

  @ParameterizedTest
  @MethodSource("roots")
  void whatCannotBeWatchedIsRefused(Root root) throws Exception {
    Path directory = root.fresh();
    Path file = Files.createFile(directory.resolve("file"));
    try (WatchService service = directory.getFileSystem().newWatchService()) {
      refused(
          java.nio.file.NotDirectoryException.class, () -> file.register(service, ENTRY_CREATE));
      refused(
          java.nio.file.NoSuchFileException.class,
          () -> directory.resolve("missing").register(service, ENTRY_CREATE));
      refused(IllegalArgumentException.class, () -> directory.register(service));
      refused(NullPointerException.class, () -> directory.register(null, ENTRY_CREATE));
    }
  }

  @Test
  void aServiceOfAnotherFileSystemIsRefused() throws IOException {
    try (WatchService local = local().path().getFileSystem().newWatchService();
        FileSystem another = another();
        WatchService other = another.newWatchService()) {
      Path directory = sand().fresh();
      assertThatThrownBy(() -> directory.register(local, ENTRY_CREATE))
          .isInstanceOf(ProviderMismatchException.class);
      assertThatThrownBy(() -> directory.register(other, ENTRY_CREATE))
          .isInstanceOf(ProviderMismatchException.class);
    }
  }
}
