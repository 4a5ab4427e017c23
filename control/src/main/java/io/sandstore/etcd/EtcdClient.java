package io.sandstore.etcd;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import io.sandstore.wire.etcd.Compare;
import io.sandstore.wire.etcd.KeyValue;
import io.sandstore.wire.etcd.LeaseGrantRequest;
import io.sandstore.wire.etcd.LeaseGrantResponse;
import io.sandstore.wire.etcd.LeaseKeepAliveRequest;
import io.sandstore.wire.etcd.LeaseKeepAliveResponse;
import io.sandstore.wire.etcd.LeaseRevokeRequest;
import io.sandstore.wire.etcd.LeaseRevokeResponse;
import io.sandstore.wire.etcd.PutRequest;
import io.sandstore.wire.etcd.PutResponse;
import io.sandstore.wire.etcd.RangeRequest;
import io.sandstore.wire.etcd.RangeResponse;
import io.sandstore.wire.etcd.RequestOp;
import io.sandstore.wire.etcd.TxnRequest;
import io.sandstore.wire.etcd.TxnResponse;
import java.io.Closeable;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Calls etcd, the endpoint that answered last first. Every call has a deadline and is tried once at
 * each endpoint: whoever repeats one knows whether it may run twice. Thread-safe.
 */
public final class EtcdClient implements Closeable {

  private static final String KV = "etcdserverpb.KV/";
  private static final String LEASE = "etcdserverpb.Lease/";

  private static final MethodDescriptor<RangeRequest, RangeResponse> RANGE =
      unary(KV + "Range", RangeRequest.getDefaultInstance(), RangeResponse.getDefaultInstance());
  private static final MethodDescriptor<PutRequest, PutResponse> PUT =
      unary(KV + "Put", PutRequest.getDefaultInstance(), PutResponse.getDefaultInstance());
  private static final MethodDescriptor<TxnRequest, TxnResponse> TXN =
      unary(KV + "Txn", TxnRequest.getDefaultInstance(), TxnResponse.getDefaultInstance());
  private static final MethodDescriptor<LeaseGrantRequest, LeaseGrantResponse> GRANT =
      unary(
          LEASE + "LeaseGrant",
          LeaseGrantRequest.getDefaultInstance(),
          LeaseGrantResponse.getDefaultInstance());
  private static final MethodDescriptor<LeaseRevokeRequest, LeaseRevokeResponse> REVOKE =
      unary(
          LEASE + "LeaseRevoke",
          LeaseRevokeRequest.getDefaultInstance(),
          LeaseRevokeResponse.getDefaultInstance());
  private static final MethodDescriptor<LeaseKeepAliveRequest, LeaseKeepAliveResponse> KEEP_ALIVE =
      method(
          MethodType.BIDI_STREAMING,
          LEASE + "LeaseKeepAlive",
          LeaseKeepAliveRequest.getDefaultInstance(),
          LeaseKeepAliveResponse.getDefaultInstance());

  private final List<ManagedChannel> channels;
  private final Duration limit;
  private volatile int preferred;

  /**
   * Dials when first used.
   *
   * @param endpoints {@code http://host:port}, at least one
   * @param limit how long a call may take at one endpoint
   */
  public EtcdClient(List<String> endpoints, Duration limit) {
    if (endpoints.isEmpty()) {
      throw new IllegalArgumentException("no endpoint of etcd");
    }
    this.limit = limit;
    this.channels =
        endpoints.stream()
            .map(URI::create)
            .<ManagedChannel>map(
                uri ->
                    NettyChannelBuilder.forAddress(uri.getHost(), uri.getPort())
                        .usePlaintext()
                        .maxInboundMessageSize(4 << 20)
                        .build())
            .toList();
  }

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> unary(
      String name, Q request, A answer) {
    return method(MethodType.UNARY, name, request, answer);
  }

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> method(
      MethodType type, String name, Q request, A answer) {
    return MethodDescriptor.<Q, A>newBuilder()
        .setType(type)
        .setFullMethodName(name)
        .setRequestMarshaller(ProtoUtils.marshaller(request))
        .setResponseMarshaller(ProtoUtils.marshaller(answer))
        .build();
  }

  /**
   * A key's value.
   *
   * @param revision at which it was set
   */
  public record Entry(long revision, String value) {}

  /** The value of a key, with its revision. */
  public Optional<Entry> entry(String key) throws IOException {
    return entry(call(RANGE, rangeRequest(key)));
  }

  /** The value of a key. */
  public Optional<String> get(String key) throws IOException {
    return entry(key).map(Entry::value);
  }

  /** Values by key, of all keys that begin with a prefix; at most {@code max}. */
  public Map<String, String> list(String prefix, int max) throws IOException {
    ByteString from = bytes(prefix);
    RangeRequest request =
        RangeRequest.newBuilder().setKey(from).setRangeEnd(after(from)).setLimit(max).build();
    Map<String, String> values = new TreeMap<>();
    for (KeyValue kv : call(RANGE, request).getKvsList()) {
      values.put(kv.getKey().toStringUtf8(), kv.getValue().toStringUtf8());
    }
    return values;
  }

  /** The first key behind all that begin with a prefix. */
  private static ByteString after(ByteString prefix) {
    byte[] end = prefix.toByteArray();
    end[end.length - 1]++; // our prefixes end with '/'
    return ByteString.copyFrom(end);
  }

  /**
   * Sets a key.
   *
   * @param lease the key goes with it; 0: it stays
   * @throws LeaseLostException if the lease is over
   */
  public void put(String key, String value, long lease) throws IOException {
    call(PUT, putRequest(key, value, lease));
  }

  /**
   * Sets a key if it was last changed at a revision; {@code 0}: if there is no such key.
   *
   * @return what it is now: as it was set, or as somebody else left it
   */
  public Optional<Entry> compareAndSet(String key, long revision, String value) throws IOException {
    TxnRequest request =
        TxnRequest.newBuilder()
            .addCompare(
                Compare.newBuilder()
                    .setKey(bytes(key))
                    .setTarget(Compare.CompareTarget.MOD)
                    .setResult(Compare.CompareResult.EQUAL)
                    .setModRevision(revision))
            .addSuccess(RequestOp.newBuilder().setRequestPut(putRequest(key, value, 0)))
            .addSuccess(RequestOp.newBuilder().setRequestRange(rangeRequest(key)))
            .addFailure(RequestOp.newBuilder().setRequestRange(rangeRequest(key)))
            .build();
    TxnResponse answer = call(TXN, request);
    return entry(answer.getResponses(answer.getResponsesCount() - 1).getResponseRange());
  }

  private static RangeRequest rangeRequest(String key) {
    return RangeRequest.newBuilder().setKey(bytes(key)).build();
  }

  private static Optional<Entry> entry(RangeResponse answer) {
    return answer.getKvsList().stream()
        .findFirst()
        .map(kv -> new Entry(kv.getModRevision(), kv.getValue().toStringUtf8()));
  }

  private static PutRequest putRequest(String key, String value, long lease) {
    return PutRequest.newBuilder()
        .setKey(bytes(key))
        .setValue(bytes(value))
        .setLease(lease)
        .build();
  }

  /** Begins a lease. */
  public long grant(Duration ttl) throws IOException {
    LeaseGrantRequest request = LeaseGrantRequest.newBuilder().setTTL(ttl.toSeconds()).build();
    return call(GRANT, request).getID();
  }

  /**
   * Extends a lease by its whole time, once.
   *
   * @throws LeaseLostException if it is over
   */
  public void keepAlive(long lease) throws IOException {
    CompletableFuture<LeaseKeepAliveResponse> first = new CompletableFuture<>();
    ManagedChannel channel = channels.get(preferred);
    channel.resetConnectBackoff();
    CallOptions options =
        CallOptions.DEFAULT.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
    StreamObserver<LeaseKeepAliveRequest> requests =
        ClientCalls.asyncBidiStreamingCall(
            channel.newCall(KEEP_ALIVE, options), new FirstAnswer(first));
    requests.onNext(LeaseKeepAliveRequest.newBuilder().setID(lease).build());
    try {
      if (first.get(limit.toMillis(), TimeUnit.MILLISECONDS).getTTL() <= 0) {
        throw new LeaseLostException();
      }
    } catch (ExecutionException | TimeoutException e) {
      channel.enterIdle();
      preferred = (preferred + 1) % channels.size();
      throw new IOException("etcd does not answer: " + reason(e), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } finally {
      requests.onCompleted();
    }
  }

  private record FirstAnswer(CompletableFuture<LeaseKeepAliveResponse> first)
      implements StreamObserver<LeaseKeepAliveResponse> {
    @Override
    public void onNext(LeaseKeepAliveResponse answer) {
      first.complete(answer);
    }

    @Override
    public void onError(Throwable failure) {
      first.completeExceptionally(failure);
    }

    @Override
    public void onCompleted() {
      first.completeExceptionally(new IOException("the stream ended"));
    }
  }

  /** Ends a lease, and with it the keys that were put under it. */
  public void revoke(long lease) throws IOException {
    call(REVOKE, LeaseRevokeRequest.newBuilder().setID(lease).build());
  }

  private <Q, A> A call(MethodDescriptor<Q, A> method, Q request) throws IOException {
    StatusRuntimeException last = null;
    for (int i = 0; i < channels.size(); i++) {
      int chosen = (preferred + i) % channels.size();
      ManagedChannel channel = channels.get(chosen);
      // After a long absence gRPC would wait up to two minutes before it dials again.
      channel.resetConnectBackoff();
      CallOptions options =
          CallOptions.DEFAULT.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
      try {
        A answer = ClientCalls.blockingUnaryCall(channel, method, options, request);
        preferred = chosen;
        return answer;
      } catch (StatusRuntimeException e) {
        if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
          throw new LeaseLostException();
        }
        // A server that vanished without a word leaves a connection that looks open for a quarter
        // of an hour: the next call looks the name up and dials anew.
        channel.enterIdle();
        last = e;
      }
    }
    throw new IOException("etcd does not answer: " + reason(last), last);
  }

  private static String reason(@org.jspecify.annotations.Nullable Throwable e) {
    Throwable cause = e != null && e.getCause() != null ? e.getCause() : e;
    return cause == null || cause.getMessage() == null ? "in time" : cause.getMessage();
  }

  private static ByteString bytes(String text) {
    return ByteString.copyFromUtf8(text);
  }

  @Override
  public void close() {
    channels.forEach(ManagedChannel::shutdownNow);
  }
}
