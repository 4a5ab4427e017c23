package io.sandstore.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Writer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A part of the tree that nothing outside of it affects, so that it is judged by itself: a
 * directory with what is in it, or one file's content.
 *
 * @param path of the directory or file
 */
record Partition<S>(String path, Model<S> model, List<Operation> operations) {

  private static final int UNKNOWN_MAX = 8;
  private static final Duration SEARCH_LIMIT = Duration.ofMinutes(1);
  private static final ObjectMapper JSON = new ObjectMapper();

  Partition(String path, Model<S> model) {
    this(path, model, new ArrayList<>());
  }

  synchronized void add(Operation operation) {
    operations.add(operation);
  }

  /**
   * True when so many operations have no answer that a search over all of what they may have done
   * would not end; nothing should be changed any more then.
   */
  synchronized boolean isHard() {
    return operations.stream().filter(op -> op.result().isEmpty()).count() >= UNKNOWN_MAX;
  }

  synchronized Checker.Verdict check() {
    return Checker.check(model, List.copyOf(operations), SEARCH_LIMIT);
  }

  /** One line of JSON an operation; times in microseconds since the run began. */
  synchronized void write(Writer out, long beginNanos) throws IOException {
    for (Operation op : operations) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("partition", path);
      line.put("client", op.client());
      line.put("called", (op.calledNanos() - beginNanos) / 1000);
      line.put("returned", op.result().isPresent() ? (op.returnedNanos() - beginNanos) / 1000 : "");
      line.put("operation", op.kind());
      line.put("path", op.path());
      line.put("other", op.other());
      line.put("value", op.value());
      line.put("result", op.result().orElse("unknown"));
      out.write(JSON.writeValueAsString(line));
      out.write('\n');
    }
  }
}
