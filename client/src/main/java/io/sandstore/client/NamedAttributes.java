package io.sandstore.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Attributes by name, {@code view:name}, with the names that the JDK has for them on Linux. */
final class NamedAttributes {

  static final Set<String> VIEWS = Set.of("basic", "owner", "posix", "unix", "user");

  private static final Map<String, Function<SandAttributes, Object>> BASIC =
      Map.of(
          "lastModifiedTime", SandAttributes::lastModifiedTime,
          "lastAccessTime", SandAttributes::lastAccessTime,
          "creationTime", SandAttributes::creationTime,
          "size", SandAttributes::size,
          "isRegularFile", SandAttributes::isRegularFile,
          "isDirectory", SandAttributes::isDirectory,
          "isSymbolicLink", SandAttributes::isSymbolicLink,
          "isOther", SandAttributes::isOther,
          "fileKey", SandAttributes::fileKey);
  private static final Map<String, Function<SandAttributes, Object>> OWNER =
      Map.of("owner", SandAttributes::owner);
  private static final Map<String, Function<SandAttributes, Object>> POSIX =
      with(
          BASIC,
          Map.of(
              "permissions", SandAttributes::permissions,
              "owner", SandAttributes::owner,
              "group", SandAttributes::group));
  private static final Map<String, Function<SandAttributes, Object>> UNIX =
      with(
          POSIX,
          Map.of(
              "mode", SandAttributes::unixMode,
              "ino", a -> a.stat().inode(),
              "dev", a -> 0L,
              "rdev", a -> a.stat().device(),
              "nlink", a -> a.stat().links(),
              "uid", a -> a.stat().uid(),
              "gid", a -> a.stat().gid(),
              "ctime", SandAttributes::changed));

  private NamedAttributes() {}

  private static Map<String, Function<SandAttributes, Object>> with(
      Map<String, Function<SandAttributes, Object>> some,
      Map<String, Function<SandAttributes, Object>> more) {
    Map<String, Function<SandAttributes, Object>> all = new LinkedHashMap<>(some);
    all.putAll(more);
    return all;
  }

  private record Name(String view, String rest) {

    static Name of(String text) {
      int colon = text.indexOf(':');
      return colon < 0
          ? new Name("basic", text)
          : new Name(text.substring(0, colon), text.substring(colon + 1));
    }

    Map<String, Function<SandAttributes, Object>> known() {
      return switch (view) {
        case "basic" -> BASIC;
        case "owner" -> OWNER;
        case "posix" -> POSIX;
        case "unix" -> UNIX;
        default -> throw new UnsupportedOperationException("View '" + view + "' not available");
      };
    }

    List<String> names() {
      if (rest.isEmpty()) {
        throw new IllegalArgumentException("No attributes specified");
      }
      return List.of(rest.split(",", -1));
    }

    IllegalArgumentException unknown(String attribute) {
      return new IllegalArgumentException("'" + view + ":" + attribute + "' not recognized");
    }
  }

  /**
   * @param wanted {@code [view:]name,name,...} or {@code [view:]*}
   * @throws UnsupportedOperationException if the view is unknown
   * @throws IllegalArgumentException if an attribute is
   */
  static Map<String, Object> read(String wanted, SandAttributes.View view) throws IOException {
    Name name = Name.of(wanted);
    if (name.view.equals("user")) {
      return readUser(name, new UserAttributes(view));
    }
    Map<String, Function<SandAttributes, Object>> known = name.known();
    List<String> names = name.names();
    for (String attribute : names) {
      if (!attribute.equals("*") && !known.containsKey(attribute)) {
        throw name.unknown(attribute);
      }
    }
    SandAttributes attributes = view.readAttributes();
    Map<String, Object> values = new LinkedHashMap<>();
    known.forEach(
        (attribute, value) -> {
          if (names.contains("*") || names.contains(attribute)) {
            values.put(attribute, value.apply(attributes));
          }
        });
    return values;
  }

  private static Map<String, Object> readUser(Name wanted, UserAttributes user) throws IOException {
    List<String> names = wanted.names();
    Map<String, Object> values = new LinkedHashMap<>();
    for (String name : names.contains("*") ? user.list() : names) {
      values.put(name, user.get(name));
    }
    return values;
  }

  /**
   * @throws UnsupportedOperationException if the view is unknown
   * @throws IllegalArgumentException if the attribute is, or cannot be set
   * @throws ClassCastException if the value is not of the attribute's type
   */
  @SuppressWarnings("unchecked")
  static void set(String attribute, @Nullable Object value, SandAttributes.View view)
      throws IOException {
    Name name = Name.of(attribute);
    if (name.view.equals("user")) {
      Object bytesGiven = given(value);
      ByteBuffer bytes =
          bytesGiven instanceof byte[] array ? ByteBuffer.wrap(array) : (ByteBuffer) bytesGiven;
      new UserAttributes(view).write(name.rest, bytes);
      return;
    }
    if (!name.known().containsKey(name.rest)) {
      throw name.unknown(name.rest);
    }
    switch (name.rest) {
      case "lastModifiedTime" -> view.setTimes((FileTime) value, null, null);
      case "lastAccessTime" -> view.setTimes(null, (FileTime) value, null);
      case "creationTime" -> view.setTimes(null, null, (FileTime) value);
      case "permissions" -> view.setPermissions((Set<PosixFilePermission>) given(value));
      case "owner" -> view.setOwner((UserPrincipal) given(value));
      case "group" -> view.setGroup((GroupPrincipal) given(value));
      case "mode" -> view.setMode((Integer) given(value));
      case "uid" -> view.setOwner(new Principals.User((Integer) given(value)));
      case "gid" -> view.setGroup(new Principals.Group((Integer) given(value)));
      default -> throw name.unknown(name.rest);
    }
  }

  private static Object given(@Nullable Object value) {
    if (value == null) {
      throw new NullPointerException("a value");
    }
    return value;
  }
}
