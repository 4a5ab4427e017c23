package io.sandstore.chaos;

/** A file that is overwritten as a whole: reading gives what was written last. */
final class RegisterModel implements Model<Integer> {

  @Override
  public Integer initial() {
    return 0;
  }

  @Override
  public Step<Integer> apply(Integer state, Operation operation) {
    return switch (operation.kind()) {
      case SET -> new Step<>(Operation.OK, operation.value());
      case GET -> new Step<>(Operation.saw(state), state);
      default -> throw new IllegalArgumentException("not for a register: " + operation);
    };
  }
}
