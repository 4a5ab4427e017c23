package io.sandstore.config;

import io.sandstore.replication.Profile;
import io.sandstore.replication.Settings;
import io.sandstore.rpc.Addresses;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Everything a node can be told, each by one environment variable. A variable of ours that is not
 * among the {@link #keys} is refused rather than ignored; one that is set to nothing has its
 * default.
 *
 * @param name this node's stable name
 * @param settings of the profile
 * @param squash which callers count as nobody
 * @param cache when files that are marked so go
 */
public record NodeConfig(
    String name,
    String listen,
    Addressing addressing,
    Operations operations,
    String dataDir,
    Profile profile,
    Settings settings,
    Duration orphanGrace,
    Duration sessionTtl,
    Duration blockGrace,
    int buffers,
    Squash squash,
    Cache cache) {

  /**
   * When files that are marked as a cache go.
   *
   * @param highPercent of the capacity: what is used beyond it is too much
   * @param evict true: whoever finds no room gets that of the least recently used; false: a refusal
   */
  public record Cache(int highPercent, boolean evict) {
    public static final Cache STANDARD = new Cache(90, false);
  }

  /** How nodes find each other. */
  public enum DiscoveryMethod {
    STATIC,
    DNS,
    ETCD
  }

  /**
   * Who the nodes are.
   *
   * @param members names and addresses ({@link Discovery#STATIC})
   * @param nodes how many found a cluster together
   * @param service DNS name under which each node has its own name ({@link Discovery#DNS})
   * @param address {@code host:port} at which others reach this node
   * @param clientAddresses more of them, for clients that are elsewhere; four at most
   */
  public record Addressing(
      DiscoveryMethod method,
      Map<String, String> members,
      int nodes,
      String service,
      String address,
      List<String> clientAddresses) {

    /** Members are kept in the order of their names, so that every start asks in the same one. */
    public Addressing {
      clientAddresses = List.copyOf(clientAddresses);
      members = Collections.unmodifiableMap(new TreeMap<>(members));
    }

    public static Addressing of(Map<String, String> members) {
      return new Addressing(DiscoveryMethod.STATIC, members, members.size(), "", "", List.of());
    }
  }

  /**
   * What surrounds a node.
   *
   * @param etcd endpoints of the control plane; none: there is no control plane
   * @param etcdPrefix what its keys begin with
   * @param http address for probes and metrics; empty: none
   * @param podLabel label to keep on this node's pod; empty: none
   * @param logFormat {@code text} or {@code json}
   * @param metrics false: nothing is counted or measured
   * @param slow operations that take longer are logged; zero: none
   * @param drain how long a node that stops goes on serving after it has handed over what it does
   *     for the others
   */
  public record Operations(
      List<String> etcd,
      String etcdPrefix,
      String http,
      String podLabel,
      Duration drain,
      String logLevel,
      String logFormat,
      boolean metrics,
      Duration slow) {

    public static Operations none() {
      return new Operations(
          List.of(),
          "/sandstore",
          "",
          "",
          Duration.ZERO,
          "INFO",
          "text",
          true,
          Duration.ofSeconds(1));
    }
  }

  /** A variable: name, default (empty if it must be given or may be absent), meaning. */
  public record Key(String name, String standard, String meaning) {}

  private static final String PREFIX = "SANDSTORE_";

  /** What clients take from the same environment. */
  private static final Set<String> OF_CLIENTS = Set.of("SANDSTORE_SEEDS", "SANDSTORE_AS");

  private static final String STANDARD_PROFILE = "raft";

  /** Those that every profile has. */
  private static final List<Key> KEYS =
      List.of(
          new Key("SANDSTORE_NAME", "", "this node's name"),
          new Key("SANDSTORE_LISTEN", "0.0.0.0:9070", "address and port to listen on"),
          new Key("SANDSTORE_DATA_DIR", "", "directory of this node's files"),
          new Key(
              "SANDSTORE_PROFILE", STANDARD_PROFILE, "how the node is wired: a name, or a file"),
          new Key("SANDSTORE_PROFILE_PARTS", "", "what a profile is made of that is not here"),
          new Key("SANDSTORE_DISCOVERY", "static", "how nodes find each other: static, dns, etcd"),
          new Key("SANDSTORE_MEMBERS", "", "static: name=host:port of all nodes, by commas"),
          new Key("SANDSTORE_NODES", "3", "dns, etcd: how many nodes found a cluster"),
          new Key("SANDSTORE_SERVICE", "", "dns: the domain in which nodes have their names"),
          new Key("SANDSTORE_ADDRESS", "", "etcd: host:port of this node (default: as dns)"),
          new Key("SANDSTORE_CLIENT_ADDRESS", "", "host:port[,...] for clients elsewhere, if any"),
          new Key("SANDSTORE_ETCD", "", "endpoints of etcd, by commas: http://host:port"),
          new Key("SANDSTORE_ETCD_PREFIX", "/sandstore", "what our keys in etcd begin with"),
          new Key("SANDSTORE_HTTP", "", "address of probes, metrics and the dashboard at /ui"),
          new Key("SANDSTORE_POD_LABEL", "", "label by which this pod is an entry or is not"),
          new Key("SANDSTORE_DRAIN_MS", "0", "how long to go on serving when told to stop"),
          new Key("SANDSTORE_LOG_LEVEL", "INFO", "DEBUG, INFO, WARN or ERROR"),
          new Key("SANDSTORE_LOG_FORMAT", "text", "text for people, json for programs"),
          new Key("SANDSTORE_METRICS", "on", "off: measure nothing, to see what measuring costs"),
          new Key("SANDSTORE_SLOW_MS", "1000", "operations that take longer are logged; 0: none"),
          new Key("SANDSTORE_ORPHAN_GRACE_S", "30", "how long an unlinked file is kept"),
          new Key("SANDSTORE_SESSION_TTL_S", "3600", "how long a silent client is remembered"),
          new Key("SANDSTORE_BLOCK_GRACE_S", "600", "how long a block may wait for its file"),
          new Key("SANDSTORE_SQUASH", "none", "clients that count as nobody: none, root, all"),
          new Key(
              "SANDSTORE_CACHE_HIGH_PERCENT",
              "90",
              "use of the capacity beyond which cached files go"),
          new Key(
              "SANDSTORE_CACHE_FULL", "refuse", "who finds no room: refuse, or evict cached files"),
          new Key(
              "SANDSTORE_BUFFERS",
              "6",
              "4 MiB buffers of each kind (own, clients, peers, answers)"));

  /** All variables of a node of a profile, with that profile's defaults. */
  public static List<Key> keys(Profile profile) {
    List<Key> keys = new ArrayList<>();
    for (Key key : KEYS) {
      String standard = profile.ofNodes().getOrDefault(key.name, key.standard);
      keys.add(new Key(key.name, standard, key.meaning));
    }
    for (Settings.Key key : profile.keys()) {
      keys.add(new Key(key.name(), Long.toString(key.standard()), key.meaning()));
    }
    return keys;
  }

  private static final List<String> LOG_LEVELS = List.of("DEBUG", "INFO", "WARN", "ERROR");

  public NodeConfig {
    switch (addressing.method) {
      case STATIC ->
          require(
              addressing.members.containsKey(name),
              "SANDSTORE_NAME '%s' is not one of SANDSTORE_MEMBERS %s"
                  .formatted(name, new TreeSet<>(addressing.members.keySet())));
      case DNS ->
          require(
              !addressing.service.isEmpty() && ordinal(name) >= 0,
              "discovery by dns needs SANDSTORE_SERVICE, and a SANDSTORE_NAME like sandstore-0");
      case ETCD ->
          require(
              !addressing.address.isEmpty() && !operations.etcd.isEmpty(),
              "discovery by etcd needs SANDSTORE_ETCD, and SANDSTORE_ADDRESS or SANDSTORE_SERVICE");
    }
    require(
        operations.logFormat.equals("text") || operations.logFormat.equals("json"),
        "SANDSTORE_LOG_FORMAT must be text or json, not '" + operations.logFormat + "'");
    require(
        LOG_LEVELS.contains(operations.logLevel),
        "SANDSTORE_LOG_LEVEL must be one of %s, not '%s'"
            .formatted(LOG_LEVELS, operations.logLevel));
  }

  /** Clients say every 10 s which files they have open; two of three such words may get lost. */
  private static final Duration ORPHAN_GRACE_MIN = Duration.ofSeconds(30);

  /** A client sends a request again, under its number, for up to a minute. */
  private static final Duration SESSION_TTL_MIN = Duration.ofSeconds(60);

  /**
   * Ids of blocks are used up to 60 s after they were handed out, a block is on its way for 11 s at
   * most, and its client says within 10 s that it holds it, three times before it counts as dead.
   */
  private static final Duration BLOCK_GRACE_MIN = Duration.ofMinutes(2);

  /** A pod has 30 s to stop; handing over and answering may take 5 s each. */
  private static final Duration DRAIN_MAX = Duration.ofSeconds(20);

  /** Half as many as a block's holder mask has bits: a slot must not be used again soon. */
  private static final int NODES_MAX = 32;

  /**
   * Refuses what is in order by itself but not beside the rest, or beside what clients do.
   *
   * @throws IllegalArgumentException with a line that says what to set
   */
  private NodeConfig together() {
    profile.check(settings);
    require(
        orphanGrace.compareTo(ORPHAN_GRACE_MIN) >= 0,
        "SANDSTORE_ORPHAN_GRACE_S must be at least %d: clients say every 10 s which files are open"
            .formatted(ORPHAN_GRACE_MIN.toSeconds()));
    require(
        sessionTtl.compareTo(SESSION_TTL_MIN) >= 0,
        "SANDSTORE_SESSION_TTL_S must be at least %d: a request sent again could be applied twice"
            .formatted(SESSION_TTL_MIN.toSeconds()));
    require(
        blockGrace.compareTo(BLOCK_GRACE_MIN) >= 0,
        "SANDSTORE_BLOCK_GRACE_S must be at least %d: ids of new blocks are used for 60 s"
            .formatted(BLOCK_GRACE_MIN.toSeconds()));
    require(
        operations.drain.compareTo(DRAIN_MAX) <= 0,
        "SANDSTORE_DRAIN_MS must be at most %d: a pod has 30 s to stop"
            .formatted(DRAIN_MAX.toMillis()));
    require(
        addressing.nodes <= NODES_MAX,
        "SANDSTORE_NODES, or SANDSTORE_MEMBERS, must be %d at most".formatted(NODES_MAX));
    require(
        !operations.http.equals(listen),
        "SANDSTORE_HTTP and SANDSTORE_LISTEN are both '%s': give each an address of its own"
            .formatted(listen));
    return this;
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  /**
   * Reads a configuration.
   *
   * @throws IllegalArgumentException with a line that says what to set
   */
  public static NodeConfig of(Map<String, String> environment) {
    Profile profile = profile(environment);
    return of(profile, new Reader(values(profile, environment)));
  }

  /** Every variable's value, those included that the environment does not set. */
  public static Map<String, String> values(Map<String, String> environment) {
    return values(profile(environment), environment);
  }

  private static Map<String, String> values(Profile profile, Map<String, String> environment) {
    Map<String, String> values = new LinkedHashMap<>();
    keys(profile).forEach(key -> values.put(key.name, key.standard));
    environment.forEach(
        (name, value) -> {
          if (values.containsKey(name)) {
            if (!value.isBlank()) {
              values.put(name, value.strip());
            }
          } else if (name.startsWith(PREFIX) && !OF_CLIENTS.contains(name)) {
            throw new IllegalArgumentException(
                "unknown variable %s; known are %s".formatted(name, values.keySet()));
          }
        });
    return values;
  }

  /**
   * The profile that an environment names, or says the parts of.
   *
   * @throws IllegalArgumentException if there is no such one, with a line that says why
   */
  public static Profile profile(Map<String, String> environment) {
    String named = environment.getOrDefault("SANDSTORE_PROFILE", "").strip();
    String name = named.isEmpty() ? STANDARD_PROFILE : named;
    String parts = environment.getOrDefault("SANDSTORE_PROFILE_PARTS", "").strip();
    return parts.isEmpty() ? Profile.named(name) : Profile.of(name, parts);
  }

  /**
   * What a node's environment has to say for it to run a profile: the name, the parts unless this
   * build comes with them, and all that the profile has a say in.
   *
   * @throws IllegalArgumentException if the profile has a value that no node takes, with a line
   *     that says what to set
   */
  public static Map<String, String> environment(Profile profile) {
    Map<String, String> environment = new LinkedHashMap<>();
    environment.put("SANDSTORE_PROFILE", profile.name());
    environment.put(
        "SANDSTORE_PROFILE_PARTS", Profile.names().contains(profile.name()) ? "" : profile.line());
    environment.putAll(new TreeMap<>(profile.ofNodes()));
    for (Settings.Key key : profile.keys()) {
      environment.put(key.name(), Long.toString(key.standard()));
    }
    Map<String, String> anywhere = new LinkedHashMap<>(environment);
    anywhere.put("SANDSTORE_NAME", "check-0");
    anywhere.put("SANDSTORE_MEMBERS", "check-0=127.0.0.1:9070");
    anywhere.put("SANDSTORE_DATA_DIR", "/");
    of(anywhere);
    return environment;
  }

  private static NodeConfig of(Profile profile, Reader r) {
    return new NodeConfig(
            r.text("NAME"),
            r.text("LISTEN"),
            r.addressing(),
            r.operations(),
            r.text("DATA_DIR"),
            profile,
            Settings.of(profile.keys(), r.values),
            Duration.ofSeconds(r.number("ORPHAN_GRACE_S", 1)),
            Duration.ofSeconds(r.number("SESSION_TTL_S", 1)),
            Duration.ofSeconds(r.number("BLOCK_GRACE_S", 1)),
            (int) r.number("BUFFERS", 2, 1024),
            r.squash(),
            r.cache())
        .together();
  }

  private record Reader(Map<String, String> values) {
    String optional(String key) {
      return values.getOrDefault(PREFIX + key, "");
    }

    List<String> list(String key) {
      return Arrays.stream(optional(key).split(",", -1))
          .map(String::strip)
          .filter(part -> !part.isEmpty())
          .toList();
    }

    String text(String key) {
      String value = optional(key);
      require(!value.isEmpty(), "set " + PREFIX + key);
      return value;
    }

    long number(String key, long min) {
      return number(key, min, (1 << 20) - 1);
    }

    long number(String key, long min, long max) {
      try {
        long value = Long.parseLong(text(key));
        if (value >= min && value <= max) {
          return value;
        }
      } catch (NumberFormatException e) {
        // Said below.
      }
      throw new IllegalArgumentException(
          "%s%s must be a number from %d to %d, not '%s'"
              .formatted(PREFIX, key, min, max, text(key)));
    }

    Squash squash() {
      return Arrays.stream(Squash.values())
          .filter(squash -> squash.name().toLowerCase(Locale.ROOT).equals(text("SQUASH")))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "SANDSTORE_SQUASH must be none, root or all, not '" + text("SQUASH") + "'"));
    }

    Cache cache() {
      String full = text("CACHE_FULL");
      require(
          full.equals("refuse") || full.equals("evict"),
          "SANDSTORE_CACHE_FULL must be refuse or evict, not '" + full + "'");
      return new Cache((int) number("CACHE_HIGH_PERCENT", 10, 99), full.equals("evict"));
    }

    boolean flag(String key) {
      require(
          text(key).equals("on") || text(key).equals("off"),
          "%s%s must be on or off, not '%s'".formatted(PREFIX, key, text(key)));
      return text(key).equals("on");
    }

    Addressing addressing() {
      DiscoveryMethod method;
      try {
        method = DiscoveryMethod.valueOf(text("DISCOVERY").toUpperCase(Locale.ROOT));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            "SANDSTORE_DISCOVERY must be static, dns or etcd, not '" + text("DISCOVERY") + "'", e);
      }
      String service = optional("SERVICE");
      String port = text("LISTEN").substring(text("LISTEN").lastIndexOf(':') + 1);
      String address = optional("ADDRESS");
      if (address.isEmpty() && !service.isEmpty()) {
        address = "%s.%s:%s".formatted(text("NAME"), service, port);
      }
      Map<String, String> members =
          method == DiscoveryMethod.STATIC ? members(text("MEMBERS")) : Map.of();
      int nodes = members.isEmpty() ? (int) number("NODES", 1) : members.size();
      List<String> forClients = list("CLIENT_ADDRESS");
      require(
          forClients.size() <= Addresses.OF_A_NODE_MAX
              && forClients.stream().allMatch(Addresses::isValid),
          "SANDSTORE_CLIENT_ADDRESS must be up to %d times host:port by commas, not '%s'"
              .formatted(Addresses.OF_A_NODE_MAX, optional("CLIENT_ADDRESS")));
      return new Addressing(method, members, nodes, service, address, forClients);
    }

    Operations operations() {
      List<String> etcd = list("ETCD");
      for (String endpoint : etcd) {
        require(
            endpoint.matches("http://[^/:]+:\\d+"),
            "SANDSTORE_ETCD must be http://host:port[,...], not '" + endpoint + "'");
      }
      return new Operations(
          etcd,
          text("ETCD_PREFIX"),
          optional("HTTP"),
          optional("POD_LABEL"),
          Duration.ofMillis(number("DRAIN_MS", 0)),
          text("LOG_LEVEL"),
          text("LOG_FORMAT"),
          flag("METRICS"),
          Duration.ofMillis(number("SLOW_MS", 0)));
    }
  }

  /** Parses {@code name=host:port,name=host:port}. */
  public static Map<String, String> members(String list) {
    Map<String, String> members = new LinkedHashMap<>();
    for (String member : list.split(",", -1)) {
      int equals = member.indexOf('=');
      String name = equals < 0 ? "" : member.substring(0, equals).strip();
      String address = member.substring(equals + 1).strip();
      if (name.isEmpty() || address.lastIndexOf(':') <= 0 || members.containsKey(name)) {
        throw new IllegalArgumentException(
            "SANDSTORE_MEMBERS must be name=host:port,name=host:port,..., not '" + list + "'");
      }
      members.put(name, address);
    }
    return members;
  }

  /** The number at the end of a name like sandstore-0; -1 if there is none. */
  public static int ordinal(String name) {
    String digits = name.substring(name.lastIndexOf('-') + 1);
    boolean numbered = name.indexOf('-') > 0 && digits.matches("\\d{1,4}");
    return numbered ? Integer.parseInt(digits) : -1;
  }
}
