package io.sandstore.chaos;

/**
 * What a correct store does when nobody disturbs it: the sequential specification.
 *
 * @param <S> the state; immutable, compared by value
 */
public interface Model<S> {

  /** What came of an operation. */
  record Step<S>(String result, S state) {}

  S initial();

  /** What the operation must answer in this state, and the state after it. */
  Step<S> apply(S state, Operation operation);
}
