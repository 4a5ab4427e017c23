package io.sandstore.deploy;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMembers;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import io.sandstore.wire.Header;
import io.sandstore.wire.Member;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Who may know whom, and what may be called where, over all that ships. */
class ArchitectureTest {

  private static final Path MODULES = Path.of("..");
  private static final Path ROOT = MODULES;

  /** The log that has a leader, and its profile. */
  private static final String[] RAFT = {"io.sandstore.raft..", "io.sandstore.profile.."};

  private static final String RAFTS_ROLES = "(?i).*(leader|follower).*";
  private static final Pattern LEADER = Pattern.compile("(?i)leader");

  /** Where a text says that Raft's leader is meant. */
  private static final String EXPLAINED = "of Raft: the leader";

  private static final List<String> SAID_IN =
      List.of(
          "base",
          "bench",
          "bin",
          "blocks",
          "chaos",
          "cli",
          "client",
          "compare",
          "config",
          "control",
          "deploy",
          "docs/kubernetes.md",
          "extensions",
          "mount",
          "node",
          "replication",
          "sim",
          "testkit",
          "wire",
          "Dockerfile",
          "Makefile",
          "README.md",
          "CONTRIBUTING.md");

  private static final Pattern TEXT =
      Pattern.compile("(/src/.*|\\.(sh|md|ya?ml|json|env|xml)|^bin/.*|^Dockerfile|^Makefile)$");

  /**
   * Raft's own messages, its tests and the faults planted into it; etcd, which has a leader; this.
   */
  private static final Pattern OF_RAFT =
      Pattern.compile(
          "(^|/)target/|/raft\\.proto$|/io/sandstore/raft/|/Planted\\w+Test\\.java$"
              + "|/EtcdContender\\.java$|/ArchitectureTest\\.java$");

  private static JavaClasses all;

  /** The last module's tests see what all the others were compiled to. */
  @BeforeAll
  static void read() throws IOException {
    try (Stream<Path> modules = Files.list(MODULES)) {
      List<Path> classes =
          modules.map(module -> module.resolve("target/classes")).filter(Files::exists).toList();
      all = new ClassFileImporter().importPaths(classes);
    }
    assertThat(all.contain("io.sandstore.chaos.Chaos")).as("the modules are compiled").isTrue();
  }

  @Test
  void dependenciesGoOneWay() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("host")
        .definedBy("io.sandstore.host..")
        .layer("rpc")
        .definedBy("io.sandstore.rpc..")
        .layer("replication")
        .definedBy("io.sandstore.replication..")
        .layer("raft")
        .definedBy("io.sandstore.raft..")
        .layer("chain")
        .definedBy("io.sandstore.chain..")
        .layer("block")
        .definedBy("io.sandstore.block..")
        .layer("profile")
        .definedBy("io.sandstore.profile..")
        .layer("namespace")
        .definedBy("io.sandstore.namespace..")
        .layer("config")
        .definedBy("io.sandstore.config..")
        .layer("node")
        .definedBy("io.sandstore.node..")
        .layer("client")
        .definedBy("io.sandstore.client..")
        .layer("measures")
        .definedBy("io.sandstore.bench..", "io.sandstore.testkit..")
        .layer("mount")
        .definedBy("io.sandstore.mount..")
        .layer("programs")
        .definedBy(
            "io.sandstore.control..",
            "io.sandstore.etcd..",
            "io.sandstore.cli..",
            "io.sandstore.sim..",
            "io.sandstore.chaos..")
        .whereLayer("host")
        .mayNotAccessAnyLayer()
        .whereLayer("rpc")
        .mayOnlyAccessLayers("host")
        .whereLayer("replication")
        .mayOnlyAccessLayers("host", "rpc")
        .whereLayer("raft")
        .mayOnlyAccessLayers("host", "rpc", "replication")
        .whereLayer("chain")
        .mayOnlyAccessLayers("host", "rpc", "replication")
        .whereLayer("block")
        .mayOnlyAccessLayers("host", "rpc", "replication")
        .whereLayer("profile")
        .mayOnlyAccessLayers("host", "replication", "block", "raft", "chain")
        .whereLayer("namespace")
        .mayOnlyAccessLayers("host", "replication")
        .whereLayer("config")
        .mayOnlyAccessLayers("rpc", "replication")
        .whereLayer("node")
        .mayOnlyAccessLayers("host", "rpc", "replication", "namespace", "config")
        .whereLayer("client")
        .mayOnlyAccessLayers("host", "rpc")
        .whereLayer("measures")
        .mayOnlyAccessLayers("host", "rpc", "client")
        .whereLayer("mount")
        .mayOnlyAccessLayers("rpc", "client")
        .whereLayer("mount")
        .mayOnlyBeAccessedByLayers("programs")
        .whereLayer("node")
        .mayOnlyBeAccessedByLayers("programs")
        .check(all);
  }

  /** What replicates the log, and where blocks lie, is the profile's choice and nobody else's. */
  @Test
  void onlyProfilesKnowWhatTheyAreMadeOf() {
    noClasses()
        .that()
        .resideOutsideOfPackages(
            "io.sandstore.raft..",
            "io.sandstore.chain..",
            "io.sandstore.block..",
            "io.sandstore.profile..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.sandstore.raft..",
            "io.sandstore.chain..",
            "io.sandstore.block..",
            "io.sandstore.profile..")
        .check(all);
  }

  /** Whoever carries a plane's messages does not read them; the simulation hurts them. */
  @Test
  void onlyAPlaneReadsItsOwnMessages() {
    noClasses()
        .that()
        .resideOutsideOfPackages("io.sandstore.raft..", "io.sandstore.sim..", "io.sandstore.wire..")
        .should()
        .dependOnClassesThat()
        .haveNameMatching("io\\.sandstore\\.wire\\.(RaftMessage|LogEntry|SnapshotChunk).*")
        .check(all);
    noClasses()
        .that()
        .resideOutsideOfPackages("io.sandstore.block..", "io.sandstore.wire..")
        .should()
        .dependOnClassesThat()
        .haveNameMatching("io\\.sandstore\\.wire\\.StoreBlock.*")
        .check(all);
  }

  /** A profile may have no leader: whoever orders commands is the primary. */
  @Test
  void nobodyAboveTheLogIsNamedAfterALeader() {
    noClasses()
        .that()
        .resideOutsideOfPackages(RAFT)
        .should()
        .haveNameMatching(RAFTS_ROLES)
        .check(all);
    noMembers()
        .that()
        .areDeclaredInClassesThat()
        .resideOutsideOfPackages(RAFT)
        .should()
        .haveNameMatching(RAFTS_ROLES)
        .check(all);
  }

  /**
   * Nor does a message, a log line, a key in etcd, a metric, a flow or a comment say it: what
   * people are shown is the same in every profile.
   */
  @Test
  void nobodyAboveTheLogSaysLeader() throws IOException {
    List<String> said = new ArrayList<>();
    int read = 0;
    for (String place : SAID_IN) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(place))) {
        for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
          String path = ROOT.relativize(file).toString().replace('\\', '/');
          if (OF_RAFT.matcher(path).find() || !TEXT.matcher(path).find()) {
            continue;
          }
          read++;
          List<String> lines = Files.readAllLines(file, ISO_8859_1); // also what is no text
          for (int i = 0; i < lines.size(); i++) {
            if (LEADER.matcher(lines.get(i)).find() && !lines.get(i).contains(EXPLAINED)) {
              said.add("%s:%d: %s".formatted(path, i + 1, lines.get(i).strip()));
            }
          }
        }
      }
    }
    assertThat(read).as("files read").isGreaterThan(300);
    assertThat(said).isEmpty();
  }

  @Test
  void onlyPlanesKnowSlots() {
    noClasses()
        .that()
        .resideOutsideOfPackages(
            "io.sandstore.block..", "io.sandstore.replication..", "io.sandstore.wire..")
        .should()
        .callMethod(Member.class, "getSlot")
        .check(all);
  }

  /** Chaos and the comparison start the very program, and know it by its name only. */
  @Test
  void nobodyDependsOnTheCommandLine() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.sandstore.cli..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.sandstore.cli..")
        .check(all);
  }

  @Test
  void nothingInANodeKnowsItsDisk() {
    noClasses()
        .that()
        .resideInAnyPackage(
            "io.sandstore.node..",
            "io.sandstore.replication..",
            "io.sandstore.raft..",
            "io.sandstore.chain..",
            "io.sandstore.block..",
            "io.sandstore.namespace..")
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("io.sandstore.host.jvm.FileDisk")
        .check(all);
  }

  @Test
  void timeAndRandomnessComeThroughTheHost() {
    noClasses()
        .that()
        .resideInAnyPackage(
            "io.sandstore.replication..",
            "io.sandstore.raft..",
            "io.sandstore.chain..",
            "io.sandstore.namespace..",
            "io.sandstore.block..",
            "io.sandstore.node..",
            "io.sandstore.profile..",
            "io.sandstore.client..",
            "io.sandstore.rpc..")
        .should()
        .callMethod(System.class, "nanoTime")
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .orShould()
        .callMethod(Thread.class, "sleep", long.class)
        .orShould()
        .callMethod(CompletableFuture.class, "get", long.class, TimeUnit.class)
        .orShould()
        .callMethod(CompletableFuture.class, "orTimeout", long.class, TimeUnit.class)
        .orShould()
        .callMethod(Semaphore.class, "tryAcquire", long.class, TimeUnit.class)
        .orShould()
        .callMethod(Condition.class, "await", long.class, TimeUnit.class)
        .orShould()
        .callMethod(LockSupport.class, "parkNanos", long.class)
        .orShould()
        .callMethod(Math.class, "random")
        .orShould()
        .callMethod(Thread.class, "ofVirtual")
        .because("a simulation has a clock, threads and a seed of its own: use Host")
        .check(all);
  }

  @Test
  void passesOverTheBytesOfBlocksAreCounted() {
    noClasses()
        .that()
        .resideInAnyPackage("io.sandstore.block..", "io.sandstore.client..", "io.sandstore.rpc..")
        .should()
        .dependOnClassesThat()
        .belongToAnyOf(CRC32C.class)
        .because("Crc32c tells of each pass, and ChecksumPassesTest counts them")
        .check(all);
  }

  /**
   * What answers a request has a builder for the server to add to; what another node answered is
   * passed on. Messages without an answer are built where they are queued.
   */
  @Test
  void anAnswersHeaderIsBuiltOnceWhereItIsSent() {
    noClasses()
        .that()
        .resideInAnyPackage(
            "io.sandstore.node..",
            "io.sandstore.block..",
            "io.sandstore.raft..",
            "io.sandstore.namespace..",
            "io.sandstore.replication..")
        .and()
        .haveNameNotMatching("io\\.sandstore\\.node\\.(QueuedTraffic.*|Router)")
        .should()
        .callMethod(Header.Builder.class, "build")
        .orShould()
        .callMethod(Header.class, "toBuilder")
        .check(all);
    noClasses()
        .that()
        .haveFullyQualifiedName("io.sandstore.node.Router")
        .should()
        .callMethod(Header.Builder.class, "build")
        .check(all);
  }

  @Test
  void theCoreOfRaftIsPure() {
    classes()
        .that()
        .haveNameMatching(
            "io\\.sandstore\\.raft\\.(RaftCore|RaftLog|Terms|Leadership|Replication|Rounds|Progress|Outbox)")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(
            "io.sandstore.raft..",
            "io.sandstore.replication..",
            "io.sandstore.wire..",
            "java.lang..",
            "java.util",
            "java.util.function..",
            "java.util.random..",
            "java.util.stream..",
            "org.jspecify..",
            "com.google.protobuf..")
        .check(all);
  }

  @Test
  void theCoreOfTheChainIsPure() {
    classes()
        .that()
        .haveNameMatching("io\\.sandstore\\.chain\\.(ChainCore|Downstream|Entries|Leases)")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(
            "io.sandstore.chain..",
            "io.sandstore.replication..",
            "io.sandstore.wire..",
            "java.lang..",
            "java.util",
            "java.util.function..",
            "java.util.random..",
            "java.util.stream..",
            "org.jspecify..",
            "com.google.protobuf..")
        .check(all);
  }

  @Test
  void namesSayWhatAThingIs() {
    noClasses()
        .should()
        .haveSimpleNameEndingWith("Manager")
        .orShould()
        .haveSimpleNameEndingWith("Helper")
        .orShould()
        .haveSimpleNameEndingWith("Impl")
        .orShould()
        .haveSimpleNameEndingWith("Util")
        .orShould()
        .haveSimpleNameEndingWith("Utils")
        .check(all);
  }
}
