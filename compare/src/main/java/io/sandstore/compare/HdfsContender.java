package io.sandstore.compare;

import io.sandstore.bench.Bench;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;

/**
 * HDFS 3.5.0 with a name node and three data nodes, a process each. Data is made durable by hsync
 * and, for what is closed, dfs.datanode.synconclose.
 */
final class HdfsContender implements Contender {

  private static final int PORT = 9300;
  private static final int DATA_NODES = 3;
  private static final int SMALL_BYTES = 4096;
  private static final int READ_BLOCKS = 64;
  private static final int LISTED = 100;
  private static final long SEQUENTIAL_BYTES = 1L << 30;

  private Optional<Processes> processes = Optional.empty();

  @Override
  public String guarantees() {
    return "one name node, whose log is forced on one disk: it is not replicated; data forced on "
        + "three data nodes by hsync and close";
  }

  @Override
  public Set<Bench.Phase> phases() {
    return EnumSet.complementOf(EnumSet.of(Bench.Phase.PING, Bench.Phase.MIXED));
  }

  @Override
  public void start(Path directory) throws IOException, InterruptedException {
    Processes started = new Processes(directory);
    processes = Optional.of(started);
    Path name = directory.resolve("name");
    Map<String, String> common = new TreeMap<>();
    common.put("fs.defaultFS", uri());
    common.put("dfs.replication", Integer.toString(DATA_NODES));
    common.put("dfs.namenode.name.dir", name.toUri().toString());
    common.put("dfs.namenode.http-address", "127.0.0.1:" + (PORT + 1));
    common.put("dfs.namenode.safemode.extension", "0");
    common.put("dfs.permissions.enabled", "false");
    common.put("dfs.datanode.synconclose", "true");
    common.put("dfs.namenode.replication.min", "2");
    Path configuration = configure(directory.resolve("name-conf"), common);
    Process format =
        started.start("format", java(configuration, "256m", NAME_NODE, "-format", "-force"));
    if (format.waitFor() != 0) {
      throw new IOException("HDFS was not formatted: " + Files.readString(started.log("format")));
    }
    started.start("name", java(configuration, "512m", NAME_NODE));
    for (int i = 0; i < DATA_NODES; i++) {
      Map<String, String> own = new TreeMap<>(common);
      own.put("dfs.datanode.data.dir", directory.resolve("data-" + i).toUri().toString());
      own.put("dfs.datanode.address", "127.0.0.1:" + (PORT + 10 + i));
      own.put("dfs.datanode.http.address", "127.0.0.1:" + (PORT + 20 + i));
      own.put("dfs.datanode.ipc.address", "127.0.0.1:" + (PORT + 30 + i));
      Path conf = configure(directory.resolve("data-conf-" + i), own);
      started.start("data-" + i, java(conf, "512m", DATA_NODE));
    }
    awaitDataNodes(started);
  }

  private static final String NAME_NODE = "org.apache.hadoop.hdfs.server.namenode.NameNode";
  private static final String DATA_NODE = "org.apache.hadoop.hdfs.server.datanode.DataNode";

  private static String uri() {
    return "hdfs://127.0.0.1:" + PORT;
  }

  private static List<String> java(Path configuration, String heap, String main, String... words) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx" + heap, "-XX:+UseSerialGC"));
    command.addAll(
        List.of("-cp", configuration + ":" + System.getProperty("java.class.path"), main));
    command.addAll(List.of(words));
    return command;
  }

  private static Path configure(Path directory, Map<String, String> values) throws IOException {
    Files.createDirectories(directory);
    StringBuilder xml = new StringBuilder("<configuration>\n");
    values.forEach(
        (key, value) ->
            xml.append(
                "<property><name>%s</name><value>%s</value></property>\n".formatted(key, value)));
    Files.writeString(directory.resolve("hdfs-site.xml"), xml + "</configuration>\n");
    Files.writeString(directory.resolve("core-site.xml"), xml + "</configuration>\n");
    return directory;
  }

  private static FileSystem connect() throws IOException {
    Configuration configuration = new Configuration();
    configuration.set("fs.defaultFS", uri());
    configuration.set("dfs.replication", Integer.toString(DATA_NODES));
    configuration.setBoolean("dfs.client.block.write.replace-datanode-on-failure.enable", false);
    return FileSystem.newInstance(configuration);
  }

  private static void awaitDataNodes(Processes started) throws IOException, InterruptedException {
    long end = System.nanoTime() + Duration.ofMinutes(2).toNanos();
    IOException last = new IOException("not tried");
    while (System.nanoTime() < end) {
      try (FileSystem files = connect()) {
        org.apache.hadoop.fs.Path probe = new org.apache.hadoop.fs.Path("/probe");
        try (FSDataOutputStream out = files.create(probe, true)) {
          out.write(1);
          out.hsync();
        }
        boolean all = files.getFileBlockLocations(probe, 0, 1)[0].getHosts().length == DATA_NODES;
        files.delete(probe, false);
        if (all) {
          return;
        }
      } catch (IllegalArgumentException e) {
        last = new IOException(e); // its close() suppresses an exception by itself
      } catch (IOException e) {
        last = e;
      }
      Thread.sleep(500);
    }
    throw new IOException(
        "HDFS does not serve: " + last.getMessage() + "\n" + Files.readString(started.log("name")),
        last);
  }

  @Override
  public Bench.Subject connect(int blockBytes) throws IOException {
    return new Subject(connect(), blockBytes);
  }

  private static final class Subject implements Bench.Subject {
    private final FileSystem files;
    private final int blockBytes;
    private final byte[] content;
    private final AtomicLong names = new AtomicLong();

    Subject(FileSystem files, int blockBytes) {
      this.files = files;
      this.blockBytes = blockBytes;
      this.content = new byte[Math.max(blockBytes, SMALL_BYTES)];
      new Random(1).nextBytes(content);
    }

    private static org.apache.hadoop.fs.Path path(String path) {
      return new org.apache.hadoop.fs.Path(path);
    }

    private void write(String path, long bytes) throws IOException {
      try (FSDataOutputStream out = files.create(path(path), true)) {
        for (long at = 0; at < bytes; at += blockBytes) {
          out.write(content, 0, blockBytes);
        }
        out.hsync();
      }
    }

    @Override
    public void prepare(Bench.Phase phase) throws IOException {
      switch (phase) {
        case READ -> write("/read", (long) READ_BLOCKS * blockBytes);
        case SEQ_READ -> write("/stream", SEQUENTIAL_BYTES);
        case STAT, LISTDIR -> {
          for (int i = 0; i < LISTED; i++) {
            files.create(path("/list/" + i), true).close();
          }
        }
        default -> {}
      }
    }

    @Override
    public Bench.Operation operation(Bench.Phase phase) throws IOException {
      return switch (phase) {
        case CREATE -> () -> create(0);
        case SMALL_FILE -> () -> create(SMALL_BYTES);
        case STAT ->
            () -> {
              files.getFileStatus(path("/list/" + ThreadLocalRandom.current().nextInt(LISTED)));
              return 0;
            };
        case LISTDIR ->
            () -> {
              int size = files.listStatus(path("/list")).length;
              if (size != LISTED) {
                throw new IOException("%d names instead of %d".formatted(size, LISTED));
              }
              return 0;
            };
        case WRITE -> {
          FSDataOutputStream out = files.create(path("/" + names.incrementAndGet()), true);
          yield () -> {
            out.write(content, 0, blockBytes);
            out.hsync();
            return blockBytes;
          };
        }
        case READ -> {
          FSDataInputStream in = files.open(path("/read"));
          byte[] buffer = new byte[blockBytes];
          yield () -> {
            long at = (long) ThreadLocalRandom.current().nextInt(READ_BLOCKS) * blockBytes;
            in.readFully(at, buffer);
            return blockBytes;
          };
        }
        case SEQ_WRITE -> sequentialWrite();
        case SEQ_READ -> sequentialRead();
        case PING, MIXED -> throw new IllegalArgumentException("not for HDFS: " + phase);
      };
    }

    private long create(int bytes) throws IOException {
      try (FSDataOutputStream out = files.create(path("/new/" + names.incrementAndGet()), true)) {
        if (bytes > 0) {
          out.write(content, 0, bytes);
          out.hsync();
        }
      }
      return bytes;
    }

    private Bench.Operation sequentialWrite() throws IOException {
      String path = "/" + names.incrementAndGet();
      FSDataOutputStream[] out = {files.create(path(path), true)};
      long[] at = {0};
      return () -> {
        out[0].write(content, 0, blockBytes);
        at[0] += blockBytes;
        if (at[0] >= SEQUENTIAL_BYTES) {
          out[0].hsync();
          out[0].close();
          out[0] = files.create(path(path), true);
          at[0] = 0;
        }
        return blockBytes;
      };
    }

    private Bench.Operation sequentialRead() throws IOException {
      FSDataInputStream in = files.open(path("/stream"));
      byte[] buffer = new byte[blockBytes];
      return () -> {
        int read = in.read(buffer, 0, blockBytes);
        if (read <= 0) {
          in.seek(0);
        }
        return Math.max(0, read);
      };
    }

    @Override
    public void close() throws IOException {
      files.close();
    }
  }

  @Override
  public void close() throws IOException {
    if (processes.isPresent()) {
      processes.get().close();
    }
  }
}
