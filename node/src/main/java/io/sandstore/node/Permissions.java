package io.sandstore.node;

import io.sandstore.namespace.CommandCheck;
import io.sandstore.rpc.Caller;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;

/** Who may ask what: the one place that says so. A request that is new here does not compile. */
final class Permissions {

  private Permissions() {}

  /**
   * Refuses what this caller may not ask, before anything happens.
   *
   * @throws PosixException EPROTO with a line that says why
   */
  static void check(Caller caller, Header request) throws PosixException {
    boolean node = caller instanceof Caller.Node;
    boolean operator = caller instanceof Caller.Operator;
    switch (request.getBodyCase()) {
      case MUTATE -> {
        require(node || !request.getMutate().getForwarded(), "only nodes pass requests on");
        require(
            node || !CommandCheck.isOfNodes(request.getMutate().getCommand()),
            "only nodes have this done: " + request.getMutate().getCommand().getOpCase());
        require(
            !request.getMutate().getCommand().hasCredentials(),
            "who asks is said beside a command, not in it");
      }
      case ASK -> require(node || !request.getAsk().getForwarded(), "only nodes pass requests on");
      case READ_BLOCK ->
          require(node || !request.getReadBlock().getLocal(), "only nodes ask for their own copy");
      case WRITE_BLOCK, STATUS_REQUEST, PING -> {}
      case STEP_ASIDE -> require(operator, "only operators tell a node to step aside");
      case BLOCK_CALL, LOG_CALL, PROBE, ADOPT, JOIN, CACHE_USE, MAKE_ROOM ->
          require(node, "only nodes ask this: " + request.getBodyCase());
      case FAULT,
          HELLO,
          HELLO_REPLY,
          OUTCOME,
          ANSWER,
          WRITE_BLOCK_REPLY,
          READ_BLOCK_REPLY,
          NODE_STATUS,
          CLUSTER_STATUS,
          DONE,
          LOG_CAST,
          PROBE_REPLY,
          BODY_NOT_SET ->
          throw refusal("not a request that this release knows: " + request.getBodyCase());
    }
    require(
        request.getLog() == Node.LOG,
        "this node has no log " + Integer.toUnsignedLong(request.getLog()));
  }

  private static void require(boolean may, String why) throws PosixException {
    if (!may) {
      throw refusal(why);
    }
  }

  private static PosixException refusal(String why) {
    return new PosixException(Errno.EPROTO, why);
  }
}
