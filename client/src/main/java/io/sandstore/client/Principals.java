package io.sandstore.client;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.UserPrincipal;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Users and groups. A cluster knows their numbers only; names are those that this machine's {@code
 * /etc/passwd} and {@code /etc/group} give to the numbers. Two are equal if their numbers are.
 */
final class Principals {

  /** Larger tables than this come from elsewhere and are not read: numbers do. */
  private static final long TABLE_BYTES_MAX = 4 << 20;

  private static final Table USERS = Table.read(Path.of("/etc/passwd"));
  private static final Table GROUPS = Table.read(Path.of("/etc/group"));

  private Principals() {}

  /** A user by number. */
  record User(int number) implements UserPrincipal {
    @Override
    public String getName() {
      return USERS.name(number);
    }

    @Override
    public String toString() {
      return getName();
    }
  }

  /** A group by number. */
  record Group(int number) implements GroupPrincipal {
    @Override
    public String getName() {
      return GROUPS.name(number);
    }

    @Override
    public String toString() {
      return getName();
    }
  }

  /**
   * @throws ProviderMismatchException if it is not a user of Sand Store
   */
  static int number(UserPrincipal user) {
    return switch (user) {
      case User known -> known.number;
      case null -> throw new NullPointerException("a user");
      default -> throw new ProviderMismatchException("not a user of Sand Store: " + user);
    };
  }

  /**
   * @throws ProviderMismatchException if it is not a group of Sand Store
   */
  static int number(GroupPrincipal group) {
    return switch (group) {
      case Group known -> known.number;
      case null -> throw new NullPointerException("a group");
      default -> throw new ProviderMismatchException("not a group of Sand Store: " + group);
    };
  }

  /** Users and groups by name or number. */
  static final class Lookup extends UserPrincipalLookupService {

    @Override
    public UserPrincipal lookupPrincipalByName(String name) throws UserPrincipalNotFoundException {
      return new User(USERS.number(name));
    }

    @Override
    public GroupPrincipal lookupPrincipalByGroupName(String name)
        throws UserPrincipalNotFoundException {
      return new Group(GROUPS.number(name));
    }
  }

  /** Lines of {@code name:password:number:...}; empty where there is no such file. */
  private record Table(Map<String, Integer> numbers, Map<Integer, String> names) {

    static Table read(Path file) {
      Map<String, Integer> numbers = new HashMap<>();
      Map<Integer, String> names = new HashMap<>();
      try {
        if (Files.size(file) <= TABLE_BYTES_MAX) {
          String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
          text.lines().forEach(line -> add(line.split(":", 4), numbers, names));
        }
      } catch (IOException e) {
        // Numbers do.
      }
      return new Table(numbers, names);
    }

    private static void add(
        String[] fields, Map<String, Integer> numbers, Map<Integer, String> names) {
      Integer number = fields.length < 3 ? null : parsed(fields[2]);
      if (number != null) {
        numbers.putIfAbsent(fields[0], number);
        names.putIfAbsent(number, fields[0]);
      }
    }

    private static @Nullable Integer parsed(String number) {
      try {
        return Integer.parseUnsignedInt(number);
      } catch (NumberFormatException e) {
        return null;
      }
    }

    String name(int number) {
      return names.getOrDefault(number, Integer.toUnsignedString(number));
    }

    int number(String name) throws UserPrincipalNotFoundException {
      Integer known = numbers.get(name);
      Integer number = known == null ? parsed(name) : known;
      if (number == null) {
        throw new UserPrincipalNotFoundException(name);
      }
      return number;
    }
  }
}
