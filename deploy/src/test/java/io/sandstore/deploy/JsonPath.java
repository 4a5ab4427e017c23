package io.sandstore.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * kubectl's JSONPath templates, as far as the flows use them: text, {@code {.a.b\.c[0]}}, {@code
 * [*]}, {@code [?(@.k=="v")]}, {@code {range ...}...{end}}, quoted text. What is missing is empty,
 * several values are separated by blanks, and an index out of bounds is an error, as with kubectl.
 */
final class JsonPath {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final String template;
  private int at;

  private JsonPath(String template) {
    this.template = template;
  }

  static String print(String template, Object root) {
    StringBuilder out = new StringBuilder();
    new JsonPath(template).print(root, out, true);
    return out.toString();
  }

  /** Prints up to the end, or up to the {@code {end}} of this range. */
  private void print(Object here, StringBuilder out, boolean wanted) {
    while (at < template.length()) {
      char c = template.charAt(at);
      if (c != '{') {
        out.append(wanted ? String.valueOf(c) : "");
        at++;
        continue;
      }
      int close = closing();
      String inside = template.substring(at + 1, close).strip();
      at = close + 1;
      if (inside.equals("end")) {
        return;
      } else if (inside.startsWith("range ")) {
        int body = at;
        List<Object> items = find(inside.substring("range ".length()).strip(), here);
        if (items.isEmpty()) {
          print(here, new StringBuilder(), false);
        }
        for (Object item : items) {
          at = body;
          print(item, out, wanted);
        }
      } else if (wanted) {
        out.append(value(inside, here));
      }
    }
  }

  private int closing() {
    char quote = 0;
    for (int i = at + 1; i < template.length(); i++) {
      char c = template.charAt(i);
      if (quote != 0) {
        quote = c == quote ? 0 : quote;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '}') {
        return i;
      }
    }
    throw new IllegalArgumentException("unclosed action in " + template);
  }

  private static String value(String inside, Object here) {
    if (inside.startsWith("\"") || inside.startsWith("'")) {
      return inside.substring(1, inside.length() - 1).replace("\\n", "\n").replace("\\t", "\t");
    }
    return String.join(" ", find(inside, here).stream().map(JsonPath::text).toList());
  }

  private static String text(Object value) {
    try {
      boolean structure = value instanceof Map || value instanceof List;
      return structure ? JSON.writeValueAsString(value) : Objects.toString(value, "");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** All values at a path. */
  static List<Object> find(String path, Object root) {
    List<Object> found = List.of(root);
    int i = 0;
    while (i < path.length()) {
      char c = path.charAt(i);
      if (c == '@' || c == '$') {
        i++;
      } else if (c == '.') {
        StringBuilder name = new StringBuilder();
        for (i++; i < path.length() && ".[".indexOf(path.charAt(i)) < 0; i++) {
          if (path.charAt(i) == '\\') {
            i++;
          }
          name.append(path.charAt(i));
        }
        found = name.isEmpty() ? found : members(found, name.toString());
      } else if (c == '[') {
        int close = path.startsWith("[?(", i) ? path.indexOf(")]", i) + 1 : path.indexOf(']', i);
        found = items(found, path.substring(i + 1, close));
        i = close + 1;
      } else {
        throw new IllegalArgumentException("'" + c + "' in " + path);
      }
    }
    return found;
  }

  private static List<Object> members(List<Object> values, String name) {
    List<Object> found = new ArrayList<>();
    for (Object value : values) {
      if (value instanceof Map<?, ?> map && map.get(name) != null) {
        found.add(map.get(name));
      }
    }
    return found;
  }

  private static List<Object> items(List<Object> values, String index) {
    List<Object> found = new ArrayList<>();
    for (Object value : values) {
      List<?> all =
          switch (value) {
            case List<?> list -> list;
            case Map<?, ?> map -> new ArrayList<>(map.values());
            default -> List.of();
          };
      if (index.equals("*")) {
        found.addAll(all);
      } else if (index.startsWith("?(")) {
        String[] sides = index.substring(2, index.length() - 1).split("==", 2);
        String wanted = sides[1].strip().replaceAll("^[\"']|[\"']$", "");
        all.stream()
            .filter(item -> find(sides[0].strip(), item).stream().anyMatch(wanted::equals))
            .forEach(found::add);
      } else {
        int number = Integer.parseInt(index);
        if (number >= all.size()) {
          throw new IllegalArgumentException("array index out of bounds: index " + number);
        }
        found.add(all.get(number));
      }
    }
    return found;
  }
}
