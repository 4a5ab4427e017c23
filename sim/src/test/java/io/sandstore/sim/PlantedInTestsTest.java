package io.sandstore.sim;

import static io.sandstore.sim.Planted.edit;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.sandstore.sim.Planted.Edit;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/**
 * Would a test say so if a mended fault came back? Each is planted again, as in {@link
 * PlantedBugsTest}, and one test class runs with it: it must fail.
 */
@Tag("slow")
class PlantedInTestsTest {

  private enum Bug {
    A_USED_SEGMENT_IS_EMPTIED_UNDER_ITS_OLD_NAME(
        "raft.LogCrashTest",
        edit(
            "raft",
            "raft/LogStore",
            "    if (spares().size() < SPARES_MAX) {\n      disk.rename(",
            """
                if (spares().size() < SPARES_MAX) {
                  try (io.sandstore.host.DiskFile old = disk.open(path(directory, number), false)) {
                    old.write(java.nio.ByteBuffer.allocate(HEADER_BYTES), 0);
                    old.force();
                  }
                  disk.rename(""")),
    WHAT_A_START_FINDS_IN_THE_LOG_IS_NOT_FORCED(
        "raft.LogCrashTest",
        edit(
            "raft",
            "raft/LogStore",
            "      forceLastFrame(segments.lastEntry().getValue());",
            "      // as it is found")),
    WHAT_IS_PINNED_LEAVES_THE_CACHE(
        "sim.CacheTest",
        edit(
            "node",
            "namespace/CacheFiles",
            "        return NONE; // pin, off, or a word of a later release",
            "        return new Mark(true, 0);")),
    WHAT_IS_NO_CACHE_IS_EVICTED(
        "sim.CacheTest",
        edit(
            "node",
            "namespace/CacheFiles",
            "return mark.orElse(Mark.NONE);",
            "return mark.orElse(new Mark(true, 0));")),
    WHAT_WAS_USED_LAST_LEAVES_FIRST(
        "sim.CacheTest",
        edit(
            "node",
            "node/Evictor",
            "Comparator.comparingLong(Candidate::idleMs).reversed()",
            "Comparator.comparingLong(Candidate::idleMs)")),
    NOBODY_TELLS_THE_NEXT_PRIMARY_WHAT_WAS_USED(
        "sim.CacheTest",
        edit(
            "node",
            "node/Evictor",
            "if (use.getReadCount() + use.getOpenCount() == 0) {",
            "if (use.getReadCount() + use.getOpenCount() >= 0) {")),
    WHAT_CHANGED_SINCE_IT_WAS_CHOSEN_IS_EVICTED(
        "namespace.CacheFilesTest",
        edit(
            "node",
            "namespace/CacheFiles",
            "            && inode.ctimeMs() == entry.getCtimeMs();",
            "            && inode.ctimeMs() >= 0;")),
    THE_MEMORY_OF_TABLES_DOES_NOT_COUNT(
        "block.MemoryBlockStoreTest",
        edit(
            "blocks",
            "block/MemoryBlockStore",
            "    long left = capacityBytes - (long) Integer.BYTES * buckets.length;",
            "    long left = capacityBytes;")),
    PAGES_ARE_USED_AGAIN_WHILE_SOMEBODY_READS_THEM(
        "block.MemoryBlockStoreTest",
        edit(
            "blocks",
            "block/MemoryBlockStore",
            "    if (reading == null) {\n      memory.free(page);",
            "    if (reading == null || reading.leases > 0) {\n      memory.free(page);")),
    A_BLOCK_IS_ACKNOWLEDGED_BY_ONE_HOLDER(
        "sim.BlockWriteTest",
        edit(
            "blocks",
            "block/BlockWriter",
            "int needed = holders.size() / 2 + 1;",
            "int needed = 1;")),
    A_LOG_WITHOUT_ITS_SNAPSHOT_PASSES_FOR_AN_EMPTY_ONE(
        "raft.MemberCrashTest",
        edit("raft", "raft/Recovery", "    if (missing > 0) {", "    if (missing > 1L << 62) {"),
        edit(
            "raft",
            "raft/Recovery",
            "if (beginsBehind > base.getIndex()) {",
            "if (beginsBehind < 0) {")),
    THE_LEVEL_RISES_OVER_AN_OLDER_MEMBER(
        "sim.FeatureLevelTest",
        edit(
            "node",
            "node/LevelRaise",
            "known = Math.min(known, same ? status.getKnownLevel() : 0);",
            "known = Math.max(known, same ? status.getKnownLevel() : 0);")),
    A_STREAM_OF_A_SNAPSHOT_BEFORE_THE_LAST_ONE_ENDED(
        "raft.SnapshotStreamTest",
        edit(
            "raft", "raft/Replication", "if (streams.add(id)) {", "if (streams.add(id) || true) {"),
        edit(
            "raft",
            "raft/Replication",
            "if (peer.state == Progress.State.SNAPSHOT && peer.next >= log.firstIndex()) {",
            "if (peer.state == Progress.State.SNAPSHOT) {")),
    A_SNAPSHOT_TAKES_THE_ENTRIES_BEHIND_IT(
        "raft.SnapshotStreamTest",
        edit(
            "raft",
            "raft/RaftCore",
            "boolean known = index <= commit || log.matches(index, indexTerm);",
            "boolean known = index <= commit;")),
    A_SNAPSHOT_TAKES_BLOCKS_THAT_ONLY_THE_LOG_HAS(
        "raft.RaftDriverAloneTest",
        edit(
            "raft",
            "raft/RaftCore",
            "    commitTo(snapshot.sharedWith(log));",
            "    snapshot.sharedWith(log);")),
    A_LEASE_WHILE_AN_OFFER_OF_LEADERSHIP_IS_ON_ITS_WAY(
        "raft.LeaseTest",
        edit("raft", "raft/Rounds", "if (!offers.isEmpty()) {", "if (round < 0) {")),
    AN_INTERRUPTED_INSTALL_IS_NOT_FINISHED(
        "raft.MemberCrashTest",
        edit(
            "raft",
            "raft/Recovery",
            "if (joint == Joint.SHORT || joint == Joint.DIVERGES) {",
            "if (joint == Joint.SHORT) {")),
    A_REFUSAL_THAT_COMES_LATE_COUNTS(
        "raft.ReplicationTest",
        edit(
            "raft",
            "raft/Replication",
            "if (aboutAnAppend && !peer.isStale(m)) {",
            "if (aboutAnAppend) {")),
    THE_LEADERS_DAMAGED_SNAPSHOT_IS_SENT_AGAIN(
        "raft.SnapshotTransferTest",
        edit(
            "raft",
            "raft/SnapshotSender",
            "renewal.renew(String.valueOf(damaged.getMessage()));",
            "log.info(\"damaged\");")),
    LEADERSHIP_IS_OFFERED_TO_THE_DEAD(
        "raft.LeaseTest",
        edit(
            "raft",
            "raft/Leadership",
            ".filter(id -> id != self && isFollowing(id, at))",
            ".filter(id -> id != self)"),
        edit(
            "raft",
            "raft/Leadership",
            "membership.isVoter(id) && isFollowing(id, at)",
            "membership.isVoter(id)")),
    A_FOLLOWER_IS_TOLD_WHAT_IS_COMMITTED_WITHOUT_CONFIRMATION(
        "raft.FollowerReadsTest",
        edit(
            "raft",
            "raft/Leadership",
            "    } else if (leaseUntil() > at) {",
            "    } else if (leaseUntil() > at || reader.member() != self) {")),
    AN_ANSWER_OF_BEFORE_IS_BELIEVED(
        "raft.FollowerReadsTest",
        edit(
            "raft",
            "raft/FollowerReads",
            "if (asked.isEmpty() || m.question() != question) {",
            "if (asked.isEmpty()) {"),
        edit(
            "raft",
            "raft/RaftCore",
            "if (leading == null && m.term() == term && m.from() == leader) {",
            "if (leading == null) {")),
    SMALL_PIECES_ARE_NEVER_MERGED(
        "sim.MergeTest",
        edit("node", "node/MergePlan", "if (window.size() < FEW) {", "if (window.size() > 0) {")),
    A_CLOCK_IS_BELIEVED_AT_ONCE(
        "sim.ClockJumpTest",
        edit(
            "node",
            "namespace/ClusterTime",
            "    if (isSmall(ahead)) {",
            "    if (ahead > -STEP_MAX_MS) {")),
    A_START_OF_A_PROFILE_IN_MEMORY_IS_WHO_IT_WAS(
        "sim.ProfilesTest",
        edit(
            "node",
            "node/Identities",
            "return profile.survivesRestart()",
            "return profile != null")),
    A_SEARCH_FOR_GARBAGE_TAKES_MINUTES(
        "contract.BlockPlaneContractTest",
        edit(
            "blocks",
            "block/Repair",
            "while (running && clock.nanos() >= nextShard) {",
            "if (running && clock.nanos() >= nextShard) {")),
    NO_ROOM_IS_MADE_FOR_A_NEW_CLIENT(
        "namespace.SessionsTest",
        edit("node", "namespace/Sessions", "      makeRoom(nowMs);", "      // full is full"));

    private final String test;
    private final List<Edit> edits;

    Bug(String test, Edit... edits) {
      this.test = "io.sandstore." + test;
      this.edits = List.of(edits);
    }
  }

  /** Runs one test class; ends with 4 if a test failed. */
  static final class Hunt {

    private Hunt() {}

    public static void main(String[] arguments) {
      SummaryGeneratingListener summary = new SummaryGeneratingListener();
      LauncherFactory.create()
          .execute(
              LauncherDiscoveryRequestBuilder.request()
                  .selectors(selectClass(arguments[0]))
                  .build(),
              summary);
      summary
          .getSummary()
          .getFailures()
          .forEach(
              failure ->
                  System.out.printf(
                      "FAILED: %s: %s%n",
                      failure.getTestIdentifier().getDisplayName(),
                      String.valueOf(failure.getException().getMessage())
                          .lines()
                          .findFirst()
                          .orElse("")));
      boolean any = summary.getSummary().getTestsFoundCount() > 0;
      System.exit(!any ? 1 : summary.getSummary().getTotalFailureCount() > 0 ? 4 : 0);
    }
  }

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void isFoundByItsTest(Bug bug) throws Exception {
    List<Path> tests =
        List.of(Path.of("../raft/target/test-classes"), Path.of("../node/target/test-classes"));
    Planted.Ended hunt = new Planted(directory, bug.edits).run(tests, Hunt.class, bug.test);
    hunt.output()
        .lines()
        .filter(line -> line.startsWith("FAILED: "))
        .forEach(line -> System.out.println(bug + ": " + line));
    assertThat(hunt.status()).as(hunt.output()).isEqualTo(4);
  }
}
