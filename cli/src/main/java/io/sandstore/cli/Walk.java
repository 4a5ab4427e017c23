package io.sandstore.cli;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.FileStat;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;

/** Goes through trees of the cluster, in the order of names; links are not followed. */
final class Walk {

  private static final int PAGE = 1000;

  /**
   * @param depth 0 for what was named
   */
  record Found(String path, FileStat stat, int depth) {}

  interface Visitor {
    void visit(Found found) throws IOException;
  }

  private final SandstoreClient client;
  private final int maxDepth;
  private final boolean contentsFirst;
  private final Visitor visitor;

  private Walk(SandstoreClient client, int maxDepth, boolean contentsFirst, Visitor visitor) {
    this.client = client;
    this.maxDepth = maxDepth;
    this.contentsFirst = contentsFirst;
    this.visitor = visitor;
  }

  /**
   * Visits a path and what is below it.
   *
   * @param maxDepth how many levels below it
   * @param contentsFirst directories after what is in them, which may go while they are visited
   */
  static void below(
      SandstoreClient client, String path, int maxDepth, boolean contentsFirst, Visitor visitor)
      throws IOException {
    new Walk(client, maxDepth, contentsFirst, visitor)
        .visit(new Found(path, client.lstat(path), 0));
  }

  private void visit(Found found) throws IOException {
    if (!contentsFirst) {
      visitor.visit(found);
    }
    if (found.stat.isDirectory() && found.depth < maxDepth && !System.out.checkError()) {
      visitContents(found);
    }
    if (contentsFirst) {
      visitor.visit(found);
    }
  }

  private void visitContents(Found directory) throws IOException {
    String after = "";
    DirectoryPage page;
    do {
      try {
        page = client.readdir(directory.path, after, PAGE);
      } catch (PosixException e) {
        if (e.errno() == Errno.ENOENT && directory.depth > 0) {
          return; // somebody was faster
        }
        throw e;
      }
      for (DirectoryPage.Entry entry : page.entries()) {
        after = entry.name();
        visit(new Found(TreeCopy.join(directory.path, after), entry.stat(), directory.depth + 1));
      }
    } while (page.more());
  }
}
