package io.sandstore.chaos;

/** A file that is only appended to: every record is there once, in one order for all. */
final class AppendModel implements Model<String> {

  @Override
  public String initial() {
    return "";
  }

  @Override
  public Step<String> apply(String state, Operation operation) {
    return switch (operation.kind()) {
      case APPEND -> new Step<>(Operation.OK, state + operation.value() + " ");
      case GET -> new Step<>(Operation.saw(state), state);
      default -> throw new IllegalArgumentException("not for a list: " + operation);
    };
  }
}
