package io.sandstore.chaos;

/**
 * A file that is overwritten or punched as a whole: reading gives what was written last, or zeros.
 */
final class RegisterModel implements Model<Integer> {

  /** The value of a file that is one hole. */
  static final int HOLE = -1;

  @Override
  public Integer initial() {
    return 0;
  }

  @Override
  public Step<Integer> apply(Integer state, Operation operation) {
    return switch (operation.kind()) {
      case SET -> new Step<>(Operation.OK, operation.value());
      case PUNCH -> new Step<>(Operation.OK, HOLE);
      case GET -> new Step<>(Operation.saw(state), state);
      default -> throw new IllegalArgumentException("not for a register: " + operation);
    };
  }
}
