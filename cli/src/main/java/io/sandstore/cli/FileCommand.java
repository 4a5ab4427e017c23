package io.sandstore.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.client.FileStat;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;

/**
 * What the commands on files have. Paths in the cluster are absolute; a missing '/' in front is
 * added.
 */
abstract class FileCommand implements Callable<Integer> {

  @Mixin final Target target = new Target();

  abstract void run(SandstoreClient client) throws IOException, InterruptedException;

  @Override
  public Integer call() throws IOException, InterruptedException {
    try (SandstoreClient client = target.connect()) {
      run(client);
    }
    return 0;
  }

  /**
   * A path as the cluster knows it: absolute, with single slashes and none at its end.
   *
   * @throws IllegalArgumentException if nothing is named: never the root by mistake
   */
  static String absolute(String path) {
    if (path.isEmpty()) {
      throw new IllegalArgumentException("empty path; the root is /");
    }
    String names = path.replaceAll("/+", "/").replaceAll("^/|/$", "");
    return "/" + names;
  }

  static String name(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  static Map<String, Object> json(String path, FileStat stat) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("path", path);
    fields.put("type", stat.type());
    fields.put("size", stat.size());
    fields.put("mode", "%04o".formatted(stat.mode()));
    fields.put("uid", stat.uid());
    fields.put("gid", stat.gid());
    fields.put("links", stat.links());
    fields.put("inode", stat.inode());
    fields.put("mtime_ms", stat.mtimeMs());
    fields.put("ctime_ms", stat.ctimeMs());
    fields.put("atime_ms", stat.atimeMs());
    return fields;
  }

  static void print(Object json) throws IOException {
    System.out.println(new ObjectMapper().writeValueAsString(json));
  }

  /** Whether a path names a directory, perhaps through a link. */
  static boolean isDirectory(SandstoreClient client, String path) throws IOException {
    try {
      return client.stat(path).isDirectory();
    } catch (PosixException e) {
      if (e.errno() == Errno.ENOENT) {
        return false;
      }
      throw e;
    }
  }
}
