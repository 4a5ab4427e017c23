package io.sandstore.chaos;

import java.util.List;
import java.util.Locale;

/** Lines over time, a panel for each figure, as SVG. */
final class LinePlots {

  /** A panel: each series has a value for each time, NaN where there is none. */
  record Panel(String title, List<String> names, List<double[]> series) {}

  private static final int WIDTH = 620;
  private static final int HEIGHT = 150;
  private static final int LEFT = 70;
  private static final int TOP = 50;
  private static final int COLUMNS = 2;
  private static final List<String> COLOURS = List.of("#2a6fdb", "#e08a1e", "#3a8f4d", "#b3261e");

  private LinePlots() {}

  /**
   * @param minutes of each value
   */
  static String svg(String title, double[] minutes, List<Panel> panels) {
    int rows = (panels.size() + COLUMNS - 1) / COLUMNS;
    StringBuilder out = new StringBuilder();
    add(
        out,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
            + "font-size='11'>",
        COLUMNS * (LEFT + WIDTH + 30),
        TOP + rows * (HEIGHT + 60));
    add(out, "<rect width='100%%' height='100%%' fill='white'/>");
    add(out, "<text x='%d' y='24' font-size='15'>%s</text>", LEFT, title);
    for (int i = 0; i < panels.size(); i++) {
      int x = LEFT + i % COLUMNS * (LEFT + WIDTH + 30);
      int y = TOP + 20 + i / COLUMNS * (HEIGHT + 60);
      panel(out, panels.get(i), minutes, x, y);
    }
    return add(out, "</svg>").toString();
  }

  private static void panel(StringBuilder out, Panel panel, double[] minutes, int x, int y) {
    double most = 1e-9;
    for (double[] values : panel.series) {
      for (double value : values) {
        most = Math.max(most, Double.isNaN(value) ? 0 : value);
      }
    }
    double last = Math.max(1e-9, minutes.length == 0 ? 0 : minutes[minutes.length - 1]);
    add(out, "<text x='%d' y='%d' font-size='13'>%s</text>", x, y - 6, panel.title);
    for (int tick = 0; tick <= 4; tick++) {
      int at = y + HEIGHT - HEIGHT * tick / 4;
      add(out, "<path d='M%d %dh%d' stroke='#ddd'/>", x, at, WIDTH);
      add(
          out,
          "<text x='%d' y='%d' text-anchor='end' fill='#555'>%s</text>",
          x - 6,
          at + 4,
          number(most * tick / 4));
      add(
          out,
          "<text x='%d' y='%d' text-anchor='middle' fill='#555'>%.0f min</text>",
          x + WIDTH * tick / 4,
          y + HEIGHT + 16,
          last * tick / 4);
    }
    for (int s = 0; s < panel.series.size(); s++) {
      StringBuilder points = new StringBuilder();
      double[] values = panel.series.get(s);
      for (int i = 0; i < values.length; i++) {
        if (!Double.isNaN(values[i])) {
          points.append(
              String.format(
                  Locale.ROOT,
                  "%.1f,%.1f ",
                  x + WIDTH * minutes[i] / last,
                  y + HEIGHT - HEIGHT * values[i] / most));
        }
      }
      String colour = COLOURS.get(s % COLOURS.size());
      add(out, "<polyline points='%s' fill='none' stroke='%s'/>", points, colour);
      add(
          out,
          "<text x='%d' y='%d' text-anchor='end' fill='%s'>%s</text>",
          x + WIDTH - 90 * (panel.series.size() - 1 - s),
          y - 6,
          colour,
          panel.names.get(s));
    }
  }

  private static String number(double value) {
    return value >= 100 || value == Math.rint(value)
        ? String.format(Locale.ROOT, "%,.0f", value)
        : String.format(Locale.ROOT, "%.3g", value);
  }

  private static StringBuilder add(StringBuilder out, String format, Object... values) {
    return out.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
