package io.sandstore.mount;

import io.sandstore.client.Identity;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** On whose behalf a request goes to the cluster: the user and groups of the process that asks. */
final class Callers {

  private static final int KEPT_MAX = 1024;

  /** How long the groups of a process are believed to be what they were. */
  private static final long BELIEVED_NANOS = 100_000_000;

  private record Caller(int pid, int uid, int gid) {}

  private record Groups(List<Integer> groups, long atNanos) {}

  private final SandstoreClient client;
  private final Map<Caller, Groups> groups = new ConcurrentHashMap<>();
  private final Map<Identity, SandstoreClient> views = new ConcurrentHashMap<>();

  Callers(SandstoreClient client) {
    this.client = client;
  }

  SandstoreClient of(FuseRequest request) {
    // The kernel has taken the umask away already. Root may do all in whatever groups it is.
    List<Integer> more =
        request.uid() == 0
            ? List.of()
            : groups(new Caller(request.pid(), request.uid(), request.gid()));
    if (views.size() > KEPT_MAX) {
      views.clear();
    }
    return views.computeIfAbsent(new Identity(request.uid(), request.gid(), more, 0), client::as);
  }

  private List<Integer> groups(Caller process) {
    Groups known = groups.get(process);
    if (known != null && System.nanoTime() - known.atNanos < BELIEVED_NANOS) {
      return known.groups;
    }
    if (groups.size() > KEPT_MAX) {
      groups.clear();
    }
    List<Integer> now = read(process.pid);
    groups.put(process, new Groups(now, System.nanoTime()));
    return now;
  }

  /** None of a process that is in a place where it cannot be seen, or gone. */
  private static List<Integer> read(int pid) {
    try {
      Path status = Path.of("/proc/%d/status".formatted(pid));
      return Files.readAllLines(status, StandardCharsets.ISO_8859_1).stream()
          .filter(line -> line.startsWith("Groups:"))
          .flatMap(line -> Arrays.stream(line.substring(7).strip().split("\\s+", -1)))
          .filter(group -> !group.isEmpty())
          .map(Integer::parseUnsignedInt)
          .limit(Identity.GROUPS_MAX)
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }
}
