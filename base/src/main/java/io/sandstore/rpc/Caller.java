package io.sandstore.rpc;

import io.sandstore.wire.Hello;

/** Who is at the other end of a link, as its greeting says: the same for all its requests. */
public sealed interface Caller {

  /** A program that uses the cluster. */
  record Client() implements Caller {}

  /** A person's tool, for whom there are places when clients have taken all of theirs. */
  record Operator() implements Caller {}

  /** Another node, by its name. */
  record Node(String name) implements Caller {}

  /** The one place where a caller gets its identity. Nothing proves it yet: that comes with TLS. */
  static Caller of(Hello hello) {
    if (!hello.getFrom().isEmpty()) {
      return new Node(hello.getFrom());
    }
    return hello.getOperator() ? new Operator() : new Client();
  }
}
