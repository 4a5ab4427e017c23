package io.sandstore.replication;

import io.sandstore.host.Deadline;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Command;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import java.io.IOException;

/** The rest of the cluster, as the block plane needs it. */
public interface Cluster {

  /** This node's name. */
  String self();

  /** The process of that name. */
  RpcClient peer(String name) throws IOException;

  /** Has a command applied, wherever they are ordered; retries until the deadline. */
  Outcome mutate(Command command, Deadline deadline) throws IOException, InterruptedException;

  /** Has a query answered, wherever that is done; retries until the deadline. */
  Answer ask(Query query, Deadline deadline) throws IOException, InterruptedException;
}
