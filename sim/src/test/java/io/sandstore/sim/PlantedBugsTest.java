package io.sandstore.sim;

import static io.sandstore.sim.Planted.edit;
import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.sim.Planted.Edit;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Is the harness worth anything? Each of these bugs is planted into a copy of one shipped source,
 * compiled, and put before the shipped classes of a process of its own: the simulation must find
 * it.
 */
@Tag("slow")
class PlantedBugsTest {

  private static final int SEEDS = 1000;
  private static final int STEPS = 10_000;

  private enum Bug {
    LOG_NOT_FORCED(
        edit(
            "raft",
            "raft/LogStore",
            "    segment.file.force();\n    segment.end",
            "    segment.end")),
    BLOCK_NOT_FORCED(
        edit(
            "blocks",
            "block/FileBlockStore",
            "      if (durable) {\n",
            "      if (durable && id < 0) {\n")),
    ENTRY_ACKNOWLEDGED_BEFORE_THE_MAJORITY(
        edit(
            "raft",
            "raft/RaftCore",
            "membership.quorumValue(id -> id == self ? durable : replication.match(id));",
            "durable;")),
    STALE_LOCAL_READ(
        edit(
            "node",
            "node/Router",
            "return route(log::queries, limit, () -> askHere(ask, limit), forward);",
            "return Header.newBuilder().setAnswer(namespace.ask(ask));")),
    NO_BLOCK_CHECKSUM(
        edit(
            "blocks",
            "block/FileBlockStore",
            "        if (crc != header.getInt(HEADER_BYTES + 4 * chunk)) {",
            "        if (at < 0 && crc != 0) {")),
    FAILED_FORCE_RETRIED(
        edit(
            "raft",
            "raft/LogStore",
            "    segment.file.force();\n    segment.end",
            "    try { segment.file.force(); } catch (IOException e) { segment.file.force(); }\n    segment.end")),
    RETRY_APPLIED_TWICE(
        edit(
            "node",
            "namespace/Sessions",
            "    if (known != null) {",
            "    if (known != null && id < 0) {")),
    RENAME_WITHOUT_FORCING_THE_DIRECTORY(
        edit(
            "raft",
            "raft/LogStore",
            "    writeBlocks(segment, HEADER_BYTES);\n    disk.forceDirectory(directory);\n    segments",
            "    writeBlocks(segment, HEADER_BYTES);\n    segments")),
    BLOCK_IN_FLIGHT_COLLECTED(edit("blocks", "block/Repair", "if (block < floor && ", "if (")),
    SECOND_CLUSTER_FOUNDED(
        edit("node", "node/Founding", "    return lost.isEmpty();", "    return true;")),
    SLOW_WRITER_FORGOTTEN(
        edit("client", "client/SandstoreClient", "if (file.hasShipped()) {", "if (closed.get()) {"),
        edit(
            "node",
            "node/Housekeeping",
            "Math.min(oldest.nextBlock(), holds.lowest())",
            "oldest.nextBlock()")),
    APPLYING_NEEDS_ROOM(
        edit(
            "blocks",
            "block/FileBlockStore",
            "why = \"small blocks wait for room: \" + e.getMessage();",
            "throw e;")),
    MERGE_PROPOSED_BELOW_ITS_LEVEL(
        edit(
            "node",
            "node/Merger",
            "coordinates.getAsBoolean() && namespace.level().includes(FeatureLevel.MERGE)",
            "coordinates.getAsBoolean()"),
        edit("node", "node/Router", "if (tooEarly.isPresent()) {", "if (log == null) {")),
    UNKNOWN_COMMAND_REFUSED_HERE_ONLY(
        edit("node", "namespace/Namespace", "    requireKnown(index, batch);\n", ""),
        edit(
            "node",
            "namespace/Namespace",
            ".filter(known::includes)",
            ".map(l -> known.includes(l) ? l : known)"),
        edit(
            "node",
            "namespace/Namespace",
            "    if (!namesTheMembers(op)) {",
            "    if (!namesTheMembers(op) || op.getLevel() > known.number()) {")),
    ATTRIBUTES_LEFT_OUT_OF_SNAPSHOTS(
        edit(
            "node",
            "namespace/NamespaceSnapshot",
            "records(namespace.xattrs.values, NamespaceSnapshot::record)",
            "records(new FrozenMap<Keys.Xattr, ByteString>((k, v) -> 0), NamespaceSnapshot::record)")),
    A_FOLLOWER_ANSWERS_BEFORE_IT_HAS_WHAT_IS_COMMITTED(
        "read",
        edit(
            "raft",
            "raft/RaftDriver",
            "applier.await(await(reached, deadline), deadline);",
            "await(reached, deadline);")),
    SESSION_BEGUN_AGAIN(
        edit(
            "client",
            "client/Session",
            "    while (nonce == 0) {",
            "    for (int i = 0; i < 1; i++) {"));

    private final String profile;
    private final List<Edit> edits;

    Bug(Edit... edits) {
      this("raft", edits);
    }

    Bug(String profile, Edit... edits) {
      this.profile = profile;
      this.edits = List.of(edits);
    }
  }

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void isFoundBySimulation(Bug bug) throws Exception {
    Planted.Ended hunt =
        new Planted(directory, bug.edits)
            .run(
                List.of(),
                Replay.class,
                "1",
                Integer.toString(STEPS),
                Integer.toString(SEEDS),
                bug.profile);
    hunt.output()
        .lines()
        .filter(line -> line.startsWith("VIOLATION: "))
        .forEach(line -> System.out.println(bug + ": " + line));
    assertThat(hunt.status()).as(hunt.output()).isEqualTo(4);
    assertThat(hunt.output()).contains("VIOLATION: ");
  }
}
