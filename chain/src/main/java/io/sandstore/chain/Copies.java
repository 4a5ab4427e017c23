package io.sandstore.chain;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.replication.StateMachine;
import io.sandstore.replication.Traffic;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.ChainCopy;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The state of the tail on its way to one that joins, in pieces, over memory alone. */
final class Copies {

  static final int VERSION = 1;
  private static final int PIECE_BYTES = 1 << 20;

  private final long self;
  private final Traffic traffic;
  private final long bytesMax;
  private @Nullable Incoming incoming;

  /** What came of one copy. */
  private static final class Incoming {
    final long from;
    final long index;
    final List<ByteString> pieces = new ArrayList<>();
    long bytes;

    Incoming(long from, long index) {
      this.from = from;
      this.index = index;
    }
  }

  /** A state that has come whole. */
  record Whole(long index, List<ByteString> pieces, Configuration members) {

    InputStream open() {
      return new SequenceInputStream(
          Collections.enumeration(pieces.stream().map(ByteString::newInput).toList()));
    }
  }

  /**
   * @param bytesMax largest state that is taken
   */
  Copies(long self, Traffic traffic, long bytesMax) {
    this.self = self;
    this.traffic = traffic;
    this.bytesMax = bytesMax;
  }

  /** Sends a state; returns when it was taken. */
  void send(String name, long to, long index, StateMachine.Frozen state, Configuration members)
      throws IOException, InterruptedException {
    ChainCopy head =
        ChainCopy.newBuilder().setVersion(VERSION).setFrom(self).setTo(to).setIndex(index).build();
    Pieces pieces = new Pieces(name, head);
    state.writeTo(pieces);
    pieces.finish(members);
  }

  private final class Pieces extends OutputStream {
    private final String name;
    private final ChainCopy head;
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
    private long offset;

    Pieces(String name, ChainCopy head) {
      this.name = name;
      this.head = head;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      int done = 0;
      while (done < length) {
        int part = Math.min(length - done, piece.remaining());
        piece.put(bytes, from + done, part);
        done += part;
        if (!piece.hasRemaining()) {
          ship(head.toBuilder());
        }
      }
    }

    private void ship(ChainCopy.Builder header) throws IOException {
      piece.flip();
      int length = piece.remaining();
      try {
        traffic.call(name, header.setOffset(offset).build().toByteString(), piece);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("while a copy was sent");
      }
      offset += length;
      piece.clear();
    }

    void finish(Configuration members) throws IOException {
      ship(head.toBuilder().setLast(true).setConfiguration(members.toByteString()));
    }
  }

  /**
   * Takes a piece.
   *
   * @return the state, with its last one
   * @throws PosixException if it does not continue what came before, or nothing is wanted here
   */
  synchronized Optional<Whole> receive(ByteString request, ByteBuffer payload)
      throws PosixException {
    try {
      ChainCopy piece = ChainCopy.parseFrom(request);
      if (piece.getVersion() != VERSION || piece.getFrom() == 0 || piece.getIndex() < 0) {
        throw new PosixException(Errno.EPROTO, "not a piece of a copy");
      }
      if (piece.getTo() != self) {
        throw new PosixException(Errno.MISMATCH, "a copy for another incarnation");
      }
      return receive(piece, payload);
    } catch (InvalidProtocolBufferException e) {
      throw new PosixException(Errno.EPROTO, "not a piece of a copy: " + e.getMessage());
    }
  }

  private Optional<Whole> receive(ChainCopy piece, ByteBuffer payload)
      throws PosixException, InvalidProtocolBufferException {
    Incoming current = incoming;
    if (piece.getOffset() == 0) {
      current = new Incoming(piece.getFrom(), piece.getIndex());
      incoming = current;
    }
    if (current == null
        || current.from != piece.getFrom()
        || current.index != piece.getIndex()
        || current.bytes != piece.getOffset()) {
      throw new PosixException(Errno.EAGAIN, "a piece that does not continue what came before");
    }
    if (current.bytes + payload.remaining() > bytesMax) {
      incoming = null;
      throw new PosixException(Errno.ENOSPC, "a state of more than " + bytesMax + " bytes");
    }
    current.bytes += payload.remaining();
    current.pieces.add(ByteString.copyFrom(payload));
    if (!piece.getLast()) {
      return Optional.empty();
    }
    incoming = null;
    return Optional.of(
        new Whole(
            current.index, current.pieces, Configuration.parseFrom(piece.getConfiguration())));
  }
}
