package io.sandstore.raft;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.UnsafeByteOperations;
import com.google.protobuf.WireFormat;
import io.sandstore.wire.LogEntry;
import io.sandstore.wire.RaftMessage;
import io.sandstore.wire.RaftMessage.Type;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Messages to and from their wire form. */
public final class MessageCodec {

  private static final int BEFORE_DATA_BYTES_MAX = 64;

  private MessageCodec() {}

  /**
   * The wire form. The bytes of entries are not copied: whoever sends it, copies them into the
   * frame.
   */
  public static ByteString encode(Message message, String fromName) {
    RaftMessage.Builder wire =
        RaftMessage.newBuilder()
            .setFrom(message.from())
            .setTo(message.to())
            .setTerm(message.term())
            .setFromName(fromName);
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
      case Message.ReadIndex m -> wire.setType(Type.READ_INDEX).setSequence(m.question());
      case Message.ReadIndexReply m ->
          wire.setType(Type.READ_INDEX_REPLY).setSequence(m.question()).setIndex(m.index());
    }
    ByteString fields = wire.build().toByteString();
    return message instanceof Message.Append append && !append.entries().isEmpty()
        ? withEntries(fields, append.entries())
        : fields;
  }

  private static ByteString withEntries(ByteString fields, List<Entry> entries) {
    List<ByteString> parts = new ArrayList<>(1 + 2 * entries.size());
    parts.add(fields);
    for (Entry entry : entries) {
      parts.add(beforeData(entry));
      parts.add(UnsafeByteOperations.unsafeWrap(entry.data()));
    }
    return ByteString.copyFrom(parts);
  }

  /** What a field {@code entries} has before the entry's bytes, which come last in it. */
  private static ByteString beforeData(Entry entry) {
    LogEntry fields =
        LogEntry.newBuilder()
            .setTerm(entry.term())
            .setIndex(entry.index())
            .setKind(entry.kind().code())
            .build();
    int data = entry.data().length;
    int length =
        fields.getSerializedSize()
            + CodedOutputStream.computeTagSize(LogEntry.DATA_FIELD_NUMBER)
            + CodedOutputStream.computeUInt32SizeNoTag(data)
            + data;
    ByteString.Output bytes = ByteString.newOutput(BEFORE_DATA_BYTES_MAX);
    CodedOutputStream out = CodedOutputStream.newInstance(bytes, BEFORE_DATA_BYTES_MAX);
    try {
      out.writeTag(RaftMessage.ENTRIES_FIELD_NUMBER, WireFormat.WIRETYPE_LENGTH_DELIMITED);
      out.writeUInt32NoTag(length);
      fields.writeTo(out);
      out.writeTag(LogEntry.DATA_FIELD_NUMBER, WireFormat.WIRETYPE_LENGTH_DELIMITED);
      out.writeUInt32NoTag(data);
      out.flush();
    } catch (IOException e) {
      throw new IllegalStateException("into memory", e);
    }
    return bytes.toByteString();
  }

  /**
   * Checks and converts a message from another process.
   *
   * @throws IllegalArgumentException if it makes no sense
   */
  public static Message decode(ByteString bytes) {
    RaftMessage w = parse(bytes);
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
      case READ_INDEX -> new Message.ReadIndex(from, to, term, w.getSequence());
      case READ_INDEX_REPLY ->
          new Message.ReadIndexReply(from, to, term, w.getSequence(), w.getIndex());
      case UNKNOWN, UNRECOGNIZED ->
          throw new IllegalArgumentException("unknown message type " + w.getTypeValue());
    };
  }

  /** The entries' bytes stay where they are until each is copied out. */
  private static RaftMessage parse(ByteString bytes) {
    CodedInputStream in = bytes.newCodedInput();
    in.enableAliasing(true);
    try {
      RaftMessage message = RaftMessage.parseFrom(in);
      in.checkLastTagWas(0);
      return message;
    } catch (IOException e) {
      throw new IllegalArgumentException("not a message of Raft: " + e.getMessage(), e);
    }
  }

  private static List<Entry> decodeEntries(RaftMessage w) {
    long next = w.getIndex() + 1;
    List<Entry> entries = new ArrayList<>(w.getEntriesCount());
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
