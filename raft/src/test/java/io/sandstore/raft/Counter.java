package io.sandstore.raft;

import io.sandstore.replication.StateMachine;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Outcome;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;

/** A state machine that adds up: equal sums and counts mean equal histories. */
class Counter implements StateMachine {
  long sum;
  long commands;

  @Override
  public synchronized List<Outcome> apply(long index, Batch batch) {
    List<Outcome> outcomes = new ArrayList<>();
    for (Command command : batch.getCommandsList()) {
      sum += command.getAllocateBlocks().getCount();
      commands++;
      outcomes.add(Outcome.newBuilder().setValue(sum).build());
    }
    return outcomes;
  }

  synchronized long sum() {
    return sum;
  }

  @Override
  public void configure(Configuration configuration) {}

  @Override
  public synchronized void restore(InputStream snapshot) throws IOException {
    DataInputStream in = new DataInputStream(snapshot);
    sum = in.readLong();
    commands = in.readLong();
  }

  @Override
  public void force() throws IOException {}

  @Override
  public synchronized Frozen freeze() {
    long frozenSum = sum;
    long frozenCommands = commands;
    return new Frozen() {
      @Override
      public void writeTo(OutputStream out) throws IOException {
        DataOutputStream data = new DataOutputStream(out);
        data.writeLong(frozenSum);
        data.writeLong(frozenCommands);
      }

      @Override
      public void close() {}
    };
  }

  static Command add(int count) {
    return Command.newBuilder()
        .setAllocateBlocks(AllocateBlocks.newBuilder().setCount(count))
        .build();
  }
}
