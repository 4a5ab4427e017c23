package io.sandstore.chaos;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Faults and operations over time, as SVG. */
final class Timeline {

  /** A fault, in seconds since the run began; recovered when all nodes were ready again. */
  record Happened(
      Fault fault, List<Integer> machines, double begin, double end, double recovered) {}

  private static final int LEFT = 90;
  private static final int LANE = 26;
  private static final int TOP = 50;
  private static final int GRAPH = 150;
  private static final List<String> COLOURS =
      List.of(
          "#b3261e", "#e08a1e", "#2a6fdb", "#3a8f4d", "#7a4fb5", "#00838f", "#ad1457", "#6d4c41");

  /** More would be a picture of megabytes. */
  private static final int COLUMNS_MAX = 1500;

  private Timeline() {}

  /** The means of so many seconds each, rounded up: a single unknown outcome is seen. */
  private static List<int[]> means(List<int[]> perSecond, int step) {
    List<int[]> means = new ArrayList<>();
    for (int from = 0; from < perSecond.size(); from += step) {
      int[] sum = new int[2];
      int to = Math.min(from + step, perSecond.size());
      for (int[] counts : perSecond.subList(from, to)) {
        sum[0] += counts[0];
        sum[1] += counts[1];
      }
      means.add(new int[] {sum[0] / (to - from), (sum[1] + to - from - 1) / (to - from)});
    }
    return means;
  }

  static String svg(String title, List<Happened> faults, List<int[]> perSecond) {
    int seconds = Math.max(1, perSecond.size());
    double scale = Math.max(0.5, Math.min(8, 1500.0 / seconds));
    int width = LEFT + (int) (seconds * scale) + 20;
    int graph = TOP + Lab.NODES * LANE + 20;
    StringBuilder out = new StringBuilder();
    add(
        out,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
            + "font-size='11'>",
        width,
        graph + GRAPH + 40);
    add(out, "<rect width='100%%' height='100%%' fill='white'/>");
    add(out, "<text x='%d' y='20' font-size='14'>%s</text>", LEFT, title);
    add(
        out,
        "<text x='%d' y='38' fill='#555'>bars: faults, pale until all nodes are ready again (point "
            + "at one for its name); below: operations answered a second, red: without an "
            + "answer</text>",
        LEFT);
    for (int node = 0; node < Lab.NODES; node++) {
      add(out, "<text x='6' y='%d'>sandstore-%d</text>", TOP + node * LANE + 15, node);
    }
    for (Happened h : faults) {
      String colour = COLOURS.get(h.fault.ordinal() % COLOURS.size());
      for (int node : h.machines) {
        int y = TOP + node * LANE + 3;
        bar(out, h, y, h.end, h.recovered, scale, colour, 0.25);
        bar(out, h, y, h.begin, h.end, scale, colour, 1);
      }
    }
    int step = 1 + seconds / COLUMNS_MAX;
    List<int[]> columns = means(perSecond, step);
    int most = Math.max(1, columns.stream().mapToInt(p -> p[0]).max().orElse(1));
    add(out, "<text x='6' y='%d'>%d/s</text>", graph + 10, most);
    for (int column = 0; column < columns.size(); column++) {
      int[] counts = columns.get(column);
      double x = LEFT + column * step * scale;
      double height = (double) GRAPH * counts[0] / most;
      add(
          out,
          "<rect x='%.1f' y='%.1f' width='%.2f' height='%.1f' fill='#2a6fdb'/>",
          x,
          graph + GRAPH - height,
          Math.max(0.4, step * scale * 0.9),
          height);
      if (counts[1] > 0) {
        add(
            out,
            "<rect x='%.1f' y='%d' width='%.2f' height='8' fill='#b3261e'/>",
            x,
            graph + GRAPH + 2,
            Math.max(0.8, step * scale));
      }
    }
    for (int s = 0; s <= seconds; s += Math.max(10, seconds / 15 / 10 * 10)) {
      add(
          out,
          "<text x='%.1f' y='%d' fill='#555'>%d s</text>",
          LEFT + s * scale,
          graph + GRAPH + 26,
          s);
    }
    return add(out, "</svg>").toString();
  }

  private static void bar(
      StringBuilder out,
      Happened h,
      int y,
      double from,
      double to,
      double scale,
      String colour,
      double opacity) {
    add(
        out,
        "<rect x='%.1f' y='%d' width='%.2f' height='%d' fill='%s' opacity='%.2f'>"
            + "<title>%s at %.1f s, %.1f s, ready again after %.1f s</title></rect>",
        LEFT + from * scale,
        y,
        Math.max(0.8, (to - from) * scale),
        LANE - 8,
        colour,
        opacity,
        h.fault,
        h.begin,
        h.end - h.begin,
        h.recovered - h.begin);
  }

  private static StringBuilder add(StringBuilder out, String format, Object... values) {
    return out.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
