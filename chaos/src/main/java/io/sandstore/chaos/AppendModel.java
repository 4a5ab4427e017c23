package io.sandstore.chaos;

import java.util.Comparator;
import java.util.List;

/**
 * A file that is only appended to: every record is there once, in one order for all.
 *
 * <p>Knows the longest list that any read saw. What was there before that read must have been a
 * beginning of it, so that a search need not try any other order. What is not in it and got no
 * answer is left out: put behind all reads it would change nothing, and before one it would have
 * been seen.
 */
final class AppendModel implements Model<String> {

  private final String longest;

  AppendModel() {
    this("");
  }

  private AppendModel(String longest) {
    this.longest = longest;
  }

  @Override
  public AppendModel knowing(List<Operation> history) {
    return new AppendModel(
        history.stream()
            .filter(o -> o.kind() == Operation.Kind.GET && o.result().isPresent())
            .map(o -> o.result().get().substring(Operation.saw("").length()))
            .max(Comparator.comparingInt(String::length))
            .orElse(""));
  }

  @Override
  public String initial() {
    return "";
  }

  @Override
  public Step<String> apply(String state, Operation operation) {
    return switch (operation.kind()) {
      case APPEND -> {
        String after = state + operation.value() + " ";
        boolean answered = operation.result().isPresent();
        boolean possible = longest.startsWith(after) || (answered && after.startsWith(longest));
        yield new Step<>(possible ? Operation.OK : "another order was seen", after);
      }
      case GET -> new Step<>(Operation.saw(state), state);
      default -> throw new IllegalArgumentException("not for a list: " + operation);
    };
  }
}
