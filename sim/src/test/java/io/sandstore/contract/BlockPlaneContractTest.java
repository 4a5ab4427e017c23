package io.sandstore.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.ByteString;
import io.sandstore.host.Frame;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.Catalog;
import io.sandstore.replication.Cluster;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Whereabouts;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.rpc.RpcClient;
import io.sandstore.sim.ProfileMembers;
import io.sandstore.sim.ProfileMembers.Member;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.WriteBlockReply;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every {@link BlockPlane} promises, tried on those of every profile that there is, as far as
 * the profile promises it. The test is the namespace: it says what refers to which block.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("profiles")
class BlockPlaneContractTest {

  private static final int MEGABYTE = 1 << 20;

  static List<String> profiles() {
    return List.copyOf(Profile.all().keySet());
  }

  private record Named(long where, int length) {}

  /** What refers to blocks, the same for all members at once. */
  private final class Names implements Catalog {
    final TreeMap<Long, Named> blocks = new TreeMap<>();
    long nextId = 1;
    long floor = 1;

    @Override
    public Configuration configuration() {
      return cluster.founders();
    }

    @Override
    public OptionalLong where(long block) {
      Named named = blocks.get(block);
      return named == null ? OptionalLong.empty() : OptionalLong.of(named.where);
    }

    @Override
    public int blockLength(long block) {
      Named named = blocks.get(block);
      return named == null ? 0 : named.length;
    }

    @Override
    public List<Long> blocksAfter(long block, int atMost) {
      return blocks.tailMap(block, false).keySet().stream().limit(atMost).toList();
    }

    @Override
    public List<Long> underReplicatedAfter(long block, int atMost) {
      Whereabouts whereabouts = cluster.members().getFirst().blocks().whereabouts();
      return blocks.tailMap(block, false).entrySet().stream()
          .filter(entry -> !whereabouts.isComplete(entry.getValue().where, configuration()))
          .map(java.util.Map.Entry::getKey)
          .limit(atMost)
          .toList();
    }

    @Override
    public long blockFloor() {
      return floor;
    }

    Outcome apply(Command command) {
      switch (command.getOpCase()) {
        case ALLOCATE_BLOCKS -> {
          long first = nextId;
          nextId += command.getAllocateBlocks().getCount();
          return Outcome.newBuilder().setValue(first).build();
        }
        case ADD_HOLDER -> {
          long bit = 1L << command.getAddHolder().getSlot();
          for (long block : command.getAddHolder().getBlocksList()) {
            blocks.computeIfPresent(
                block, (id, named) -> new Named(named.where | bit, named.length));
          }
          return Outcome.getDefaultInstance();
        }
        default -> throw new IllegalStateException("not of blocks: " + command.getOpCase());
      }
    }
  }

  /** The way from one member to the others. */
  private record Way(Member member, Names names) implements Cluster {
    @Override
    public String self() {
      return member.name();
    }

    @Override
    public RpcClient peer(String name) {
      return member.peer(name);
    }

    @Override
    public Outcome mutate(Command command, io.sandstore.host.Deadline deadline) {
      return names.apply(command);
    }

    @Override
    public Answer ask(Query query, io.sandstore.host.Deadline deadline) {
      throw new IllegalStateException("the catalog knows");
    }
  }

  private final Profile profile;
  private final Names names = new Names();
  private final ProfileMembers cluster;
  private final Random random = new Random(1);

  BlockPlaneContractTest(String name) {
    profile = Profile.named(name);
    cluster =
        new ProfileMembers(
            profile,
            (member, site) -> {
              BlockPlane plane = profile.blocks(site);
              plane.connect(names, new Way(member, names));
              member.set(plane);
              plane.start();
            });
  }

  private BlockPlane first() {
    return cluster.members().getFirst().blocks();
  }

  private byte[] data(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  private WriteBlockReply write(byte[] data) throws Exception {
    return first().write(ByteBuffer.wrap(data), Optional.empty(), cluster.soon());
  }

  /** Writes a block that something refers to. */
  private long keep(byte[] data) throws Exception {
    WriteBlockReply reply = write(data);
    names.blocks.put(reply.getBlock(), new Named(reply.getWhere(), data.length));
    return reply.getBlock();
  }

  private static ReadBlock part(long block, int offset, int length) {
    return ReadBlock.newBuilder().setBlock(block).setOffset(offset).setLength(length).build();
  }

  private byte[] read(Member member, ReadBlock request) throws Exception {
    try (Reply answer = member.blocks().read(request, cluster.soon())) {
      byte[] bytes = new byte[answer.payload().remaining()];
      answer.payload().duplicate().get(bytes);
      return bytes;
    }
  }

  private boolean isHolder(Member member, long block) {
    long where = names.where(block).orElse(0);
    return member.blocks().whereabouts().holders(where, cluster.founders()).stream()
        .anyMatch(holder -> holder.getId() == member.id());
  }

  private static String audit(Member member) {
    try {
      return member.blocks().audit().orElse("");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void awaitClean() throws InterruptedException {
    cluster.await(
        "every member has what it should: "
            + cluster.members().stream().map(BlockPlaneContractTest::audit).toList(),
        () -> cluster.members().stream().allMatch(m -> m.isOpen() && audit(m).isEmpty()));
  }

  private static void refused(Errno errno, ThrowingCallable attempt) {
    assertThatThrownBy(attempt)
        .isInstanceOfSatisfying(PosixException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  @Test
  void whatWasWrittenIsReadFromEveryMember() throws Exception {
    cluster.run(
        () -> {
          byte[] data = data(200_000);
          long block = keep(data);
          assertThat(names.where(block).orElseThrow()).as("its holders").isNotZero();
          for (Member member : cluster.members()) {
            assertThat(read(member, part(block, 0, data.length))).isEqualTo(data);
            for (int[] range : new int[][] {{0, 1}, {65_535, 2}, {131_072, 68_928}, {7, 100_000}}) {
              assertThat(read(member, part(block, range[0], range[1])))
                  .isEqualTo(Arrays.copyOfRange(data, range[0], range[0] + range[1]));
            }
          }
          awaitClean();
        });
  }

  @Test
  void idsAreNeverUsedTwice() throws Exception {
    cluster.run(
        () -> {
          List<Long> ids = new ArrayList<>();
          for (int i = 0; i < 20; i++) {
            ids.add(write(data(10)).getBlock());
          }
          assertThat(ids).doesNotHaveDuplicates().allMatch(id -> id > 0 && id < names.nextId);
        });
  }

  @Test
  void holdersHaveTheBlockAndSayHowManyTheyHave() throws Exception {
    cluster.run(
        () -> {
          byte[] data = data(70_000);
          long block = keep(data);
          awaitClean();
          for (Member member : cluster.members()) {
            assertThat(member.blocks().has(block)).isEqualTo(isHolder(member, block));
            if (isHolder(member, block)) {
              assertThat(ProfileMembers.bytes(member.blocks().peek(block, 5, 69_000)))
                  .isEqualTo(Arrays.copyOfRange(data, 5, 69_005));
              assertThat(member.blocks().health().blocks()).isEqualTo(1);
            }
            cluster.await("it looked for all", () -> member.blocks().health().complete());
            assertThat(member.blocks().health().corruptFound()).isZero();
          }
        });
  }

  /** What a caller checks by itself comes with sums that say whether it is whole. */
  @Test
  void whoChecksByItselfGetsTheSumsOrTheBytesAlone() throws Exception {
    cluster.run(
        () -> {
          byte[] data = data(200_000);
          long block = keep(data);
          ReadBlock request = part(block, 70_000, 80_000).toBuilder().setUnchecked(true).build();
          for (Member member : cluster.members()) {
            try (Reply answer = member.blocks().read(request, cluster.soon())) {
              int chunk = answer.header().getReadBlockReply().getChunkBytes();
              ByteBuffer bytes = payload(answer);
              int begin = chunk == 0 ? 70_000 : 70_000 / chunk * chunk;
              byte[] found = new byte[bytes.remaining()];
              bytes.duplicate().get(found);
              assertThat(begin + found.length).isGreaterThanOrEqualTo(150_000);
              assertThat(found).isEqualTo(Arrays.copyOfRange(data, begin, begin + found.length));
              List<Integer> sums = answer.header().getReadBlockReply().getChunkCrcsList();
              assertThat(sums).hasSize(chunk == 0 ? 0 : (found.length - 1) / chunk + 1);
              for (int i = 0; i < sums.size(); i++) {
                CRC32C sum = new CRC32C();
                int from = i * chunk;
                sum.update(found, from, Math.min(chunk, found.length - from));
                assertThat((int) sum.getValue()).isEqualTo(sums.get(i));
              }
            }
          }
        });
  }

  private static ByteBuffer payload(Reply answer) throws IOException {
    var region = answer.region();
    if (region == null) {
      return answer.payload();
    }
    ByteBuffer bytes = ByteBuffer.allocate(region.length());
    region.file().readFully(bytes, region.position());
    return bytes.flip();
  }

  @Test
  void aBlockThatNobodyHasIsNotFound() throws Exception {
    cluster.run(
        () -> {
          for (Member member : cluster.members()) {
            for (long block : new long[] {0, 4711, -1, Long.MAX_VALUE}) {
              refused(Errno.ENOENT, () -> read(member, part(block, 0, 1)));
              refused(Errno.ENOENT, () -> member.blocks().peek(block, 0, 1));
              assertThat(member.blocks().has(block)).isFalse();
            }
          }
        });
  }

  @Test
  void bytesThatABlockDoesNotHaveAreRefused() throws Exception {
    cluster.run(
        () -> {
          long block = keep(data(1000));
          awaitClean();
          for (Member member : cluster.members()) {
            for (int[] range :
                new int[][] {{-1, 10}, {0, 1001}, {1000, 1}, {0, 0}, {0, -1}, {1, 0x7FFFFFFF}}) {
              refused(Errno.EINVAL, () -> read(member, part(block, range[0], range[1])));
              refused(Errno.EINVAL, () -> member.blocks().peek(block, range[0], range[1]));
            }
          }
        });
  }

  @Test
  void aBlockOfTheLargestSizeIsKept() throws Exception {
    cluster.run(
        () -> {
          byte[] data = data(Frame.PAYLOAD_BYTES_MAX);
          long block = keep(data);
          for (Member member : cluster.members()) {
            assertThat(read(member, part(block, 0, data.length))).isEqualTo(data);
          }
        });
  }

  /** The caller's memory is its own again. */
  @Test
  void aWriteHasReadItsDataWhenItReturns() throws Exception {
    cluster.run(
        () -> {
          byte[] data = data(50_000);
          byte[] given = data.clone();
          long block = keep(given);
          Arrays.fill(given, (byte) 0);
          for (Member member : cluster.members()) {
            assertThat(read(member, part(block, 0, data.length))).isEqualTo(data);
          }
        });
  }

  /** The bytes of small writes come with commands, to every member. */
  @Test
  void whatIsStagedIsReadableAtOnceAndLaterToo() throws Exception {
    cluster.run(
        () -> {
          byte[] data = data(300);
          long block = names.nextId++;
          int slots = (1 << cluster.members().size()) - 1;
          names.blocks.put(block, new Named(slots, data.length));
          for (Member member : cluster.members()) {
            member.blocks().sink().stage(block, data);
            assertThat(read(member, part(block, 0, 300))).isEqualTo(data);
            assertThat(member.blocks().has(block)).isTrue();
            member.blocks().sink().writeStaged();
            member.blocks().sink().force();
            assertThat(ProfileMembers.bytes(member.blocks().peek(block, 100, 200)))
                .isEqualTo(Arrays.copyOfRange(data, 100, 300));
          }
          awaitClean();
          if (profile.survivesRestart()) {
            restartAll();
            for (Member member : cluster.members()) {
              assertThat(read(member, part(block, 0, 300))).isEqualTo(data);
            }
          }
        });
  }

  private void restartAll() throws InterruptedException {
    cluster.members().forEach(Member::kill);
    cluster.members().forEach(Member::boot);
    cluster.await("they are back", () -> cluster.members().stream().allMatch(Member::isOpen));
  }

  @Test
  void whatWasWrittenIsThereAfterAllLostPower() throws Exception {
    assumeTrue(profile.survivesRestart(), "the profile promises it");
    cluster.run(
        () -> {
          byte[] data = data(150_000);
          long block = keep(data);
          restartAll();
          awaitClean();
          for (Member member : cluster.members()) {
            assertThat(read(member, part(block, 0, data.length))).isEqualTo(data);
          }
        });
  }

  @Test
  void garbageGoesOnceItIsReleased() throws Exception {
    cluster.run(
        () -> {
          long kept = keep(data(1000));
          long garbage = keep(data(1000));
          awaitClean();
          names.blocks.remove(garbage);
          names.floor = names.nextId;
          cluster.members().forEach(m -> m.blocks().sink().release(List.of(garbage)));
          cluster.await(
              "it is gone everywhere",
              () -> cluster.members().stream().noneMatch(m -> m.blocks().has(garbage)));
          awaitClean();
          assertThat(read(cluster.members().getFirst(), part(kept, 0, 1000))).hasSize(1000);
        });
  }

  /** Whoever wrote a block may still name it, until the floor says that nobody can. */
  @Test
  void whatNobodyNamesStaysUntilNobodyCan() throws Exception {
    cluster.run(
        () -> {
          long block = write(data(1000)).getBlock();
          cluster.clock().sleep(Duration.ofMinutes(2));
          assertThat(cluster.members()).anyMatch(m -> m.blocks().has(block));
          assertThat(cluster.members()).allMatch(m -> audit(m).isEmpty());
          names.floor = names.nextId;
          cluster.await(
              "it is collected everywhere",
              () -> cluster.members().stream().noneMatch(m -> m.blocks().has(block)));
        });
  }

  @Test
  void anAuditNamesWhatIsMissing() throws Exception {
    cluster.run(
        () -> {
          keep(data(1000));
          awaitClean();
          long lost = names.nextId++;
          names.blocks.put(lost, new Named(1, 10));
          assertThat(audit(cluster.members().getFirst()))
              .contains("block " + lost)
              .contains("missing");
        });
  }

  /** Garbage makes room again. */
  @Test
  void whoHasNoRoomSaysSoUntilThereIsSome() throws Exception {
    cluster.run(
        () -> {
          BlockPlane.Capacity before = first().capacity();
          assertThat(before.availableBytes()).isBetween(1L, before.freeBytes());
          assertThat(before.freeBytes()).isLessThanOrEqualTo(before.totalBytes());
          assertThat(first().lacks()).isEmpty();
          List<Long> blocks = new ArrayList<>();
          long most = before.availableBytes() / MEGABYTE + 2;
          refused(
              Errno.ENOSPC,
              () -> {
                while (blocks.size() < most) {
                  blocks.add(keep(data(MEGABYTE)));
                }
              });
          assertThat(blocks.size()).isBetween((int) most - 4, (int) most - 1);
          assertThat(first().capacity().availableBytes()).isLessThan(MEGABYTE);
          assertThat(read(cluster.members().getFirst(), part(blocks.getFirst(), 0, 9))).hasSize(9);
          names.blocks.clear();
          names.floor = names.nextId;
          cluster.members().forEach(m -> m.blocks().sink().release(blocks));
          cluster.await(
              "there is room",
              () ->
                  cluster.members().stream()
                      .allMatch(m -> blocks.stream().noneMatch(m.blocks()::has)));
          keep(data(MEGABYTE));
          assertThat(first().lacks()).isEmpty();
        });
  }

  @Test
  void tooFewMembersAreSaidToBeTooFewInTime() throws Exception {
    assumeTrue(cluster.members().size() > 1, "there are others");
    cluster.run(
        () -> {
          cluster.members().stream().skip(1).forEach(Member::kill);
          long begin = cluster.clock().nanos();
          assertThatThrownBy(
                  () ->
                      first()
                          .write(
                              ByteBuffer.wrap(data(1000)),
                              Optional.empty(),
                              cluster.clock().deadline(Duration.ofSeconds(3))))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EAGAIN));
          assertThat(Duration.ofNanos(cluster.clock().nanos() - begin))
              .isLessThan(Duration.ofSeconds(10));
        });
  }

  /** Nothing from the wire is trusted. */
  @Test
  void whatNoMemberWouldAskIsRefused() throws Exception {
    cluster.run(
        () -> {
          for (Member member : cluster.members()) {
            for (ByteString request :
                List.of(ByteString.EMPTY, ByteString.copyFromUtf8("not a question"))) {
              assertThatThrownBy(
                      () ->
                          member
                              .blocks()
                              .handle(request, ByteBuffer.wrap(new byte[10]), Optional.empty()))
                  .isInstanceOf(PosixException.class);
            }
            assertThat(member.blocks().health().blocks()).isZero();
          }
        });
  }
}
