package io.sandstore;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Who may know whom, and what may be called where. */
class ArchitectureTest {

  private static JavaClasses all;

  @BeforeAll
  static void read() {
    all =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.sandstore");
  }

  @Test
  void dependenciesGoOneWay() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("host")
        .definedBy("io.sandstore.host..")
        .layer("rpc")
        .definedBy("io.sandstore.rpc..")
        .layer("raft")
        .definedBy("io.sandstore.raft..")
        .layer("namespace")
        .definedBy("io.sandstore.namespace..")
        .layer("block")
        .definedBy("io.sandstore.block..")
        .layer("config")
        .definedBy("io.sandstore.config..")
        .layer("profile")
        .definedBy("io.sandstore.profile..")
        .layer("node")
        .definedBy("io.sandstore.node..")
        .layer("client")
        .definedBy("io.sandstore.client..")
        .whereLayer("host")
        .mayNotAccessAnyLayer()
        .whereLayer("rpc")
        .mayOnlyAccessLayers("host")
        .whereLayer("raft")
        .mayOnlyAccessLayers("host", "rpc")
        .whereLayer("namespace")
        .mayOnlyAccessLayers("raft")
        .whereLayer("block")
        .mayOnlyAccessLayers("host", "rpc", "namespace", "raft")
        .whereLayer("config")
        .mayNotAccessAnyLayer()
        .whereLayer("profile")
        .mayOnlyAccessLayers("host", "config", "namespace", "block", "raft")
        .whereLayer("client")
        .mayOnlyAccessLayers("host", "rpc")
        .whereLayer("node")
        .mayNotBeAccessedByAnyLayer()
        .because("only the command line and the simulator start nodes")
        .check(all);
  }

  @Test
  void nothingAboveTheProfileKnowsWhatReplicatesTheLog() {
    noClasses()
        .that()
        .resideInAnyPackage(
            "io.sandstore.node..", "io.sandstore.block..", "io.sandstore.namespace..")
        .should()
        .dependOnClassesThat()
        .haveSimpleNameStartingWith("Raft")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("io.sandstore.host.jvm.FileDisk")
        .check(all);
  }

  @Test
  void timeAndRandomnessComeThroughTheHost() {
    noClasses()
        .that()
        .resideInAnyPackage(
            "io.sandstore.raft..",
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
  void theCoreOfRaftIsPure() {
    classes()
        .that()
        .haveNameMatching(
            "io\\.sandstore\\.raft\\.(RaftCore|Leadership|Replication|Rounds|Progress|Outbox)")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(
            "io.sandstore.raft..",
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
