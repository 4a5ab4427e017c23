package io.sandstore.chain;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.wire.ChainEntry;
import io.sandstore.wire.ChainMessage;
import java.util.ArrayList;
import java.util.List;

/** Messages as bytes. */
final class MessageCodec {

  static final int VERSION = 1;

  private MessageCodec() {}

  static ByteString encode(Message message) {
    ChainMessage.Builder wire =
        ChainMessage.newBuilder()
            .setVersion(VERSION)
            .setFrom(message.from())
            .setTo(message.to())
            .setEpoch(message.epoch());
    switch (message) {
      case Message.Forward forward -> {
        wire.setType(ChainMessage.Type.FORWARD).setIndex(forward.last());
        for (Entry entry : forward.entries()) {
          wire.addEntries(
              ChainEntry.newBuilder()
                  .setIndex(entry.index())
                  .setEpoch(entry.epoch())
                  .setKind(entry.kind().code())
                  .setData(entry.data()));
        }
      }
      case Message.Ack ack -> wire.setType(ChainMessage.Type.ACK).setIndex(ack.index());
      case Message.Hello hello -> wire.setType(ChainMessage.Type.HELLO).setIndex(hello.last());
      case Message.Join join -> wire.setType(ChainMessage.Type.JOIN).setIndex(join.last());
      case Message.Beat beat ->
          wire.setType(ChainMessage.Type.BEAT)
              .setIndex(beat.last())
              .setCommit(beat.commit())
              .setBeat(beat.beat())
              .setEcho(beat.echo())
              .setGrant(beat.grant());
      case Message.Ask ask -> wire.setType(ChainMessage.Type.ASK).setBeat(ask.round());
      case Message.Answer answer ->
          wire.setType(ChainMessage.Type.ANSWER).setBeat(answer.round()).setIndex(answer.commit());
      case Message.Bye bye -> wire.setType(ChainMessage.Type.BYE);
    }
    return wire.build().toByteString();
  }

  /**
   * Reads a message.
   *
   * @throws IllegalArgumentException if it is none
   */
  static Message decode(ByteString bytes) {
    ChainMessage wire;
    try {
      wire = ChainMessage.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("not a message of a chain: " + e.getMessage(), e);
    }
    if (wire.getVersion() != VERSION) {
      throw new IllegalArgumentException(
          "a chain's message of version %d; this release reads version %d"
              .formatted(wire.getVersion(), VERSION));
    }
    long from = wire.getFrom();
    long to = wire.getTo();
    long epoch = counted(wire.getEpoch(), "epoch");
    long index = counted(wire.getIndex(), "index");
    return switch (wire.getType()) {
      case FORWARD -> new Message.Forward(from, to, epoch, index, entries(wire, epoch));
      case ACK -> new Message.Ack(from, to, epoch, index);
      case HELLO -> new Message.Hello(from, to, epoch, index);
      case JOIN -> new Message.Join(from, to, epoch, index);
      case BEAT ->
          new Message.Beat(
              from,
              to,
              epoch,
              counted(wire.getBeat(), "number"),
              counted(wire.getEcho(), "echo"),
              wire.getGrant(),
              index,
              counted(wire.getCommit(), "commit"));
      case ASK -> new Message.Ask(from, to, epoch, wire.getBeat());
      case ANSWER -> new Message.Answer(from, to, epoch, wire.getBeat(), index);
      case BYE -> new Message.Bye(from, to, epoch);
      case UNKNOWN, UNRECOGNIZED ->
          throw new IllegalArgumentException("unknown message of a chain: " + wire.getTypeValue());
    };
  }

  private static List<Entry> entries(ChainMessage wire, long epoch) {
    List<Entry> entries = new ArrayList<>();
    for (ChainEntry entry : wire.getEntriesList()) {
      long index = counted(entry.getIndex(), "index");
      boolean follows = entries.isEmpty() || index == entries.getLast().index() + 1;
      if (index == 0 || !follows || index > wire.getIndex() || entry.getEpoch() > epoch) {
        throw new IllegalArgumentException("entries that do not follow each other: " + index);
      }
      entries.add(
          new Entry(
              index,
              counted(entry.getEpoch(), "epoch"),
              Entry.Kind.of(entry.getKind()),
              entry.getData()));
    }
    return entries;
  }

  private static long counted(long value, String what) {
    if (value < 0 || value == Long.MAX_VALUE) {
      throw new IllegalArgumentException("impossible " + what + " in a chain's message: " + value);
    }
    return value;
  }
}
