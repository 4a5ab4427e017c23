package io.sandstore.raft;

import com.google.protobuf.UnsafeByteOperations;
import io.sandstore.wire.LogEntry;
import io.sandstore.wire.RaftMessage;
import io.sandstore.wire.RaftMessage.Type;
import java.util.List;

/** Messages to and from their wire form. */
public final class MessageCodec {

  private MessageCodec() {}

  public static RaftMessage encode(Message message) {
    RaftMessage.Builder wire =
        RaftMessage.newBuilder()
            .setFrom(message.from())
            .setTo(message.to())
            .setTerm(message.term());
    switch (message) {
      case Message.PreVote m ->
          wire.setType(Type.PRE_VOTE).setIndex(m.lastIndex()).setLogTerm(m.lastTerm());
      case Message.PreVoteReply m -> wire.setType(Type.PRE_VOTE_REPLY).setFlag(m.granted());
      case Message.Vote m ->
          wire.setType(Type.VOTE)
              .setIndex(m.lastIndex())
              .setLogTerm(m.lastTerm())
              .setFlag(m.transfer());
      case Message.VoteReply m -> wire.setType(Type.VOTE_REPLY).setFlag(m.granted());
      case Message.Append m -> {
        wire.setType(Type.APPEND)
            .setIndex(m.previousIndex())
            .setLogTerm(m.previousTerm())
            .setCommit(m.commit())
            .setRound(m.round())
            .setSequence(m.sequence());
        m.entries().forEach(entry -> wire.addEntries(encode(entry)));
      }
      case Message.AppendReply m ->
          wire.setType(Type.APPEND_REPLY)
              .setFlag(m.accepted())
              .setIndex(m.index())
              .setHint(m.hint())
              .setHintTerm(m.hintTerm())
              .setRound(m.round())
              .setSequence(m.sequence());
      case Message.Heartbeat m ->
          wire.setType(Type.HEARTBEAT).setCommit(m.commit()).setRound(m.round());
      case Message.HeartbeatReply m ->
          wire.setType(Type.HEARTBEAT_REPLY).setRound(m.round()).setLife(m.life());
      case Message.TimeoutNow m ->
          wire.setType(Type.TIMEOUT_NOW).setRound(m.round()).setLife(m.life());
      case Message.Removed m -> wire.setType(Type.REMOVED).setIndex(m.index());
    }
    return wire.build();
  }

  private static LogEntry encode(Entry entry) {
    return LogEntry.newBuilder()
        .setTerm(entry.term())
        .setIndex(entry.index())
        .setKind(entry.kind().code())
        .setData(UnsafeByteOperations.unsafeWrap(entry.data()))
        .build();
  }

  /**
   * Checks and converts a message from another process.
   *
   * @throws IllegalArgumentException if it makes no sense
   */
  public static Message decode(RaftMessage w) {
    long from = w.getFrom();
    long to = w.getTo();
    long term = w.getTerm();
    if (from == 0 || to == 0 || term < 0 || w.getIndex() < 0 || w.getCommit() < 0) {
      throw new IllegalArgumentException("malformed message from " + from);
    }
    return switch (w.getType()) {
      case PRE_VOTE -> new Message.PreVote(from, to, term, w.getIndex(), w.getLogTerm());
      case PRE_VOTE_REPLY -> new Message.PreVoteReply(from, to, term, w.getFlag());
      case VOTE -> new Message.Vote(from, to, term, w.getIndex(), w.getLogTerm(), w.getFlag());
      case VOTE_REPLY -> new Message.VoteReply(from, to, term, w.getFlag());
      case APPEND ->
          new Message.Append(
              from,
              to,
              term,
              w.getIndex(),
              w.getLogTerm(),
              decodeEntries(w),
              w.getCommit(),
              w.getRound(),
              w.getSequence());
      case APPEND_REPLY ->
          new Message.AppendReply(
              from,
              to,
              term,
              w.getFlag(),
              w.getIndex(),
              w.getHint(),
              w.getHintTerm(),
              w.getRound(),
              w.getSequence());
      case HEARTBEAT -> new Message.Heartbeat(from, to, term, w.getCommit(), w.getRound());
      case HEARTBEAT_REPLY -> new Message.HeartbeatReply(from, to, term, w.getRound(), w.getLife());
      case TIMEOUT_NOW -> new Message.TimeoutNow(from, to, term, w.getRound(), w.getLife());
      case REMOVED -> new Message.Removed(from, to, term, w.getIndex());
      case UNKNOWN, UNRECOGNIZED ->
          throw new IllegalArgumentException("unknown message type " + w.getTypeValue());
    };
  }

  private static List<Entry> decodeEntries(RaftMessage w) {
    long next = w.getIndex() + 1;
    java.util.ArrayList<Entry> entries = new java.util.ArrayList<>(w.getEntriesCount());
    for (LogEntry entry : w.getEntriesList()) {
      if (entry.getIndex() != next++ || entry.getTerm() > w.getTerm()) {
        throw new IllegalArgumentException("entries out of order in message from " + w.getFrom());
      }
      entries.add(
          new Entry(
              entry.getTerm(),
              entry.getIndex(),
              Entry.Kind.of(entry.getKind()),
              entry.getData().toByteArray()));
    }
    return entries;
  }
}
