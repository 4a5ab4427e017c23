package io.sandstore.deploy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/** What the cluster looked like when a test failed: the next test may wipe it. */
final class PodsOnFailure implements TestWatcher {

  private static final String LINES = "--tail=80";

  private final Shell shell = new Shell(ManifestsTest.ROOT, Map.of());

  @Override
  public void testFailed(ExtensionContext context, Throwable cause) {
    System.out.printf("%n--- %s failed: %s%n", context.getDisplayName(), cause.getMessage());
    try {
      print("get", "pods,statefulsets,pvc", "-o", "wide");
      print("get", "events", "--sort-by=.lastTimestamp");
      Shell.Result pods = shell.tryKubectl("get", "pods", "-o", "name");
      for (String pod : pods.code() == 0 ? pods.output().lines().toList() : List.<String>of()) {
        print("logs", pod.strip(), LINES);
        print("logs", pod.strip(), "--previous", LINES);
      }
    } catch (Exception e) {
      System.out.println("the cluster does not say more: " + e.getMessage());
    }
  }

  private void print(String... words) throws Exception {
    System.out.printf(
        "$ kubectl %s%n%s%n", String.join(" ", words), shell.tryKubectl(words).output());
  }
}
