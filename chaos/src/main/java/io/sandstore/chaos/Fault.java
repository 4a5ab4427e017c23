package io.sandstore.chaos;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.replication.Profile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/** What can happen to a cluster. Each is over when its method returns; recovery is not. */
enum Fault {
  KILL_PRIMARY,
  KILL,
  STOP,
  PAUSE,
  PAUSE_PRIMARY,
  SLOW,
  SILENT,
  KILL_BETWEEN_STEPS(true),
  KILL_ALL_BETWEEN_STEPS(true),
  PARTITION,
  PARTITION_ONE_WAY,
  PARTITION_PAIR,
  PACKET_LOSS,
  POWER_LOSS_ONE(true),
  POWER_LOSS_ALL(true),
  FSYNC_ERROR(true),
  DISK_FULL(true),
  INODES_FULL(true),
  TORN_LOG(true),
  CORRUPT_LOG(true),
  CORRUPT_SNAPSHOT(true),
  CORRUPT_BLOCKS(true),
  WIPE(true),
  CLOCK_JUMP;

  private final boolean ofDisks;

  Fault() {
    this(false);
  }

  /**
   * @param ofDisks it means something only where what a node acknowledged is on its disk
   */
  Fault(boolean ofDisks) {
    this.ofDisks = ofDisks;
  }

  /** True if it can happen to nodes of a profile. */
  boolean happensTo(Profile profile) {
    return !ofDisks || profile.survivesRestart();
  }

  /** Where a fault happens: the primary is one of the machines. */
  record Scene(Lab lab, ClientLoad load, Lab.LabNode primary, Random random) {

    Lab.LabNode any() {
      return lab.machines.get(random.nextInt(lab.machines.size()));
    }

    Lab.LabNode another() {
      List<Lab.LabNode> others = others(primary);
      return others.get(random.nextInt(others.size()));
    }

    List<Lab.LabNode> others(Lab.LabNode machine) {
      return lab.machines.stream().filter(m -> m != machine).toList();
    }

    void hold(int leastMillis, int mostMillis) throws InterruptedException {
      Thread.sleep(Duration.ofMillis(random.nextInt(leastMillis, mostMillis)));
    }
  }

  private static final Duration FSYNC_ERROR_LIMIT = Duration.ofMinutes(1);

  /** A node that has not come to its step by then took part in fewer changes of files. */
  private static final Duration CHANGE_LIMIT = Duration.ofSeconds(20);

  /** Travels in the log: some dozens of them make a snapshot and a new segment due. */
  private static final int PRESSURE_BYTES = 32 << 10;

  /** Recycling, publishing and installing are a handful of steps each. */
  private static final int STEPS_MAX = 24;

  private static final Duration RATE_TIME = Duration.ofSeconds(4);
  private static final int RATE_TIMES = 3;

  /** In so much time a client at work has found out. */
  private static final Duration SETTLE_TIME = Duration.ofSeconds(5);

  /**
   * Makes it happen, and takes the cause away.
   *
   * @return the machines it happened to; none if there was nothing to damage yet
   */
  List<Lab.LabNode> happen(Scene scene) throws IOException, InterruptedException {
    Lab lab = scene.lab;
    Lab.LabNode any = scene.any();
    Lab.LabNode primary = scene.primary;
    switch (this) {
      case KILL_PRIMARY -> {
        scene.load.measureGap();
        primary.kill();
        scene.hold(500, 2500);
        return List.of(primary);
      }
      case KILL -> {
        any.kill();
        scene.hold(0, 2500);
      }
      case STOP -> {
        any.stop();
        scene.hold(0, 1000);
      }
      case PAUSE -> pause(scene, any);
      case PAUSE_PRIMARY -> {
        pause(scene, primary);
        return List.of(primary);
      }
      case SLOW -> slow(scene, any);
      case SILENT -> silence(scene, any);
      case KILL_BETWEEN_STEPS -> {
        return haltBetweenSteps(scene, List.of(any));
      }
      case KILL_ALL_BETWEEN_STEPS -> {
        return haltBetweenSteps(scene, lab.machines);
      }
      case PARTITION -> {
        for (Lab.LabNode other : scene.others(any)) {
          any.rule("INPUT -s " + other.address + " -j DROP");
          any.rule("OUTPUT -d " + other.address + " -j DROP");
        }
        scene.hold(1000, 5000);
        any.heal();
      }
      case PARTITION_ONE_WAY -> {
        for (Lab.LabNode other : scene.others(any)) {
          any.rule("INPUT -s " + other.address + " -j DROP");
        }
        scene.hold(1000, 5000);
        any.heal();
      }
      case PARTITION_PAIR -> {
        Lab.LabNode other = scene.another();
        primary.rule("INPUT -s " + other.address + " -j DROP");
        primary.rule("OUTPUT -d " + other.address + " -j DROP");
        scene.hold(1000, 5000);
        primary.heal();
        return List.of(primary, other);
      }
      case PACKET_LOSS -> {
        double share = 0.05 + 0.25 * scene.random.nextDouble();
        any.rule("INPUT -m statistic --mode random --probability %.2f -j DROP".formatted(share));
        scene.hold(2000, 5000);
        any.heal();
      }
      case POWER_LOSS_ONE -> any.losePower();
      case POWER_LOSS_ALL -> {
        lab.machines.forEach(Lab.LabNode::kill);
        for (Lab.LabNode machine : lab.machines) {
          machine.losePower();
        }
        return lab.machines;
      }
      case FSYNC_ERROR -> failForce(scene, any);
      case DISK_FULL -> {
        Path filler = any.mount.resolve("filler");
        long free = Files.getFileStore(any.mount).getUsableSpace();
        Shell.attempt("fallocate -l " + free + " " + filler);
        Shell.attempt("dd if=/dev/zero of=" + any.mount.resolve("filler2") + " bs=64k count=64");
        scene.hold(1500, 4000);
        Files.deleteIfExists(filler);
        Files.deleteIfExists(any.mount.resolve("filler2"));
      }
      case INODES_FULL -> {
        Path filler = Files.createDirectories(any.mount.resolve("filler"));
        String names = "cd " + filler + " && seq " + Lab.DISK_INODES;
        Shell.run(List.of("sh", "-c", names + " | xargs touch 2>/dev/null || true"));
        scene.hold(1500, 4000);
        Shell.run("rm -rf " + filler);
      }
      case TORN_LOG -> {
        any.kill();
        tearTail(newest(any.data().resolve("raft"), "log-"));
      }
      case CORRUPT_LOG -> {
        Lab.LabNode other = scene.another();
        other.kill();
        flip(newest(other.data().resolve("raft"), "log-"), 200); // whole records follow
        return List.of(other);
      }
      case CORRUPT_SNAPSHOT -> {
        Lab.LabNode other = scene.another();
        other.kill();
        List<Path> snapshots = files(other.data().resolve("raft"), "snapshot-");
        if (snapshots.isEmpty()) {
          return List.of();
        }
        Path snapshot = snapshots.getLast();
        flip(snapshot, scene.random.nextLong(Files.size(snapshot)));
        return List.of(other);
      }
      case CORRUPT_BLOCKS -> {
        List<Path> blocks = files(any.data().resolve("blocks"), "");
        if (blocks.isEmpty()) {
          return List.of();
        }
        for (int i = 0; i < Math.min(20, blocks.size()); i++) {
          Path block = blocks.get(scene.random.nextInt(blocks.size()));
          corrupt(scene, block);
        }
      }
      case WIPE -> {
        Lab.LabNode other = scene.another();
        other.wipe();
        return List.of(other);
      }
      case CLOCK_JUMP -> {
        int hours = 1 + scene.random.nextInt(4);
        Files.writeString(
            any.clock(), Integer.toString((scene.random.nextBoolean() ? 1 : -1) * hours * 3600));
        scene.hold(1500, 4000);
        any.heal();
      }
    }
    return List.of(any);
  }

  /** A machine that gets a quarter of its time. */
  private static void slow(Scene scene, Lab.LabNode machine)
      throws IOException, InterruptedException {
    int rounds = scene.random.nextInt(20, 60);
    for (int i = 0; i < rounds && machine.runs(); i++) {
      machine.signal("STOP");
      Thread.sleep(60);
      machine.signal("CONT");
      Thread.sleep(20);
    }
  }

  /**
   * A machine that says nothing any more, not even that it is gone. After some seconds the others
   * must work about as fast as before: bytes that are right, but late, are not enough.
   */
  private static void silence(Scene scene, Lab.LabNode machine)
      throws IOException, InterruptedException {
    double before = scene.load.rateAlone(RATE_TIME);
    boolean stopped = scene.random.nextBoolean();
    if (stopped) {
      machine.signal("STOP");
    } else {
      machine.rule("INPUT -j DROP");
      machine.rule("OUTPUT -j DROP");
    }
    try {
      scene.load.rate(SETTLE_TIME);
      double without = 0; // the machine is shared: the best of some times counts
      for (int i = 0; i < RATE_TIMES && without < before / 2; i++) {
        without = Math.max(without, scene.load.rateAlone(RATE_TIME));
      }
      scene.load.judgeRate(machine.name + " is silent", before, without);
    } finally {
      if (stopped) {
        machine.signal("CONT");
      }
      machine.heal();
    }
  }

  /**
   * Each of the machines ends itself at some step of the next change of its log's files. Where so
   * many have that no change can come any more, the rest is killed: a loss of power meets all.
   */
  private static List<Lab.LabNode> haltBetweenSteps(Scene scene, List<Lab.LabNode> machines)
      throws IOException, InterruptedException {
    for (Lab.LabNode machine : machines) {
      Files.writeString(machine.haltOrder(), Integer.toString(1 + scene.random.nextInt(STEPS_MAX)));
    }
    long end = System.nanoTime() + CHANGE_LIMIT.toNanos();
    try (SandstoreClient client = scene.lab.client(Duration.ofSeconds(2))) {
      while (running(machines).size() > machines.size() / 2 && System.nanoTime() < end) {
        press(client);
      }
    }
    for (Lab.LabNode machine : machines) {
      Files.deleteIfExists(machine.haltOrder());
    }
    List<Lab.LabNode> running = running(machines);
    if (running.size() == machines.size()) {
      return List.of();
    }
    running.forEach(Lab.LabNode::kill);
    return machines;
  }

  private static List<Lab.LabNode> running(List<Lab.LabNode> machines) {
    return machines.stream().filter(Lab.LabNode::runs).toList();
  }

  private static void press(SandstoreClient client) throws InterruptedException {
    var flags = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
    try (SandFile file = client.open("/pressure", flags, 0644)) {
      file.write(ByteBuffer.allocate(PRESSURE_BYTES));
    } catch (IOException e) {
      Thread.sleep(20); // expected while they halt
    }
  }

  private static void pause(Scene scene, Lab.LabNode machine)
      throws IOException, InterruptedException {
    machine.signal("STOP");
    try {
      scene.hold(1000, 6000);
    } finally {
      machine.signal("CONT");
    }
  }

  /** The next forces of the process fail, until it has ended itself. */
  private static void failForce(Scene scene, Lab.LabNode machine)
      throws IOException, InterruptedException {
    Process strace =
        new ProcessBuilder(
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-p",
                Long.toString(machine.pid()),
                "-e",
                "trace=fsync,fdatasync",
                "-e",
                "inject=fsync,fdatasync:error=EIO:when=" + scene.random.nextInt(2, 20) + "+")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    long end = System.nanoTime() + FSYNC_ERROR_LIMIT.toNanos();
    while (machine.runs() && System.nanoTime() < end) {
      Thread.sleep(20);
    }
    boolean ended = !machine.runs();
    strace.destroy();
    strace.onExit().join();
    if (!ended) {
      throw new IOException(machine.name + " went on after its disk had refused to force");
    }
  }

  // --- Damage ---

  private static void corrupt(Scene scene, Path block) throws IOException {
    try {
      flip(block, scene.random.nextLong(Files.size(block)));
    } catch (java.nio.file.NoSuchFileException | java.io.FileNotFoundException collected) {
      // The node removed it meanwhile.
    }
  }

  private static void flip(Path path, long at) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.seek(at);
      int before = file.read();
      file.seek(at);
      file.write(before ^ 0x10);
    }
  }

  /** Behind the last record, the first half of another. */
  private static void tearTail(Path log) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "rw")) {
      byte[] all = new byte[Math.toIntExact(file.length())];
      file.readFully(all);
      int end = all.length;
      while (end > 0 && all[end - 1] == 0) {
        end--;
      }
      file.seek((end + 8L) / 8 * 8);
      file.write(
          new byte[] {0, 0, 4, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8});
    }
  }

  private static Path newest(Path directory, String prefix) throws IOException {
    List<Path> files = files(directory, prefix);
    if (files.isEmpty()) {
      throw new IOException("nothing in " + directory + " begins with " + prefix);
    }
    return files.getLast();
  }

  private static List<Path> files(Path directory, String prefix) throws IOException {
    List<Path> found = new ArrayList<>();
    if (!Files.exists(directory)) {
      return found; // made with the first file in it
    }
    try (Stream<Path> all = Files.walk(directory)) {
      all.filter(p -> p.getFileName().toString().startsWith(prefix))
          .filter(p -> !p.toString().endsWith(".tmp"))
          .filter(Files::isRegularFile)
          .sorted()
          .forEach(found::add);
    } catch (java.io.UncheckedIOException collected) {
      // A file went while we looked.
    }
    return found;
  }
}
