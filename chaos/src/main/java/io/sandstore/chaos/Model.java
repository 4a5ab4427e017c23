package io.sandstore.chaos;

import java.util.List;

/**
 * What a correct store does when nobody disturbs it: the sequential specification.
 *
 * @param <S> the state; immutable, compared by value
 */
public interface Model<S> {

  /** What came of an operation. */
  record Step<S>(String result, S state) {}

  S initial();

  /** The same model, which may use the whole history to call impossible what led nowhere. */
  default Model<S> knowing(List<Operation> history) {
    return this;
  }

  /** What the operation must answer in this state, and the state after it. */
  Step<S> apply(S state, Operation operation);
}
