package io.sandstore.bench;

import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/**
 * Groups of bars as SVG, which browsers and GitHub show. Written by hand: chart libraries draw with
 * AWT, which neither the image's runtime nor a headless JDK has.
 *
 * @param unit of the values
 * @param logarithmic the axis, for values above 0
 * @param groups names along the bottom
 * @param line a value to draw a line at
 */
public record BarChart(
    String title,
    String unit,
    boolean logarithmic,
    List<String> groups,
    List<Series> series,
    OptionalDouble line) {

  /** A value for each group, with its least and greatest where a value is the middle of several. */
  public record Series(
      String name, List<Double> values, List<Double> least, List<Double> greatest) {}

  public static Series series(String name, List<Double> values) {
    return new Series(name, values, values, values);
  }

  private static final List<String> COLOURS = List.of("#2a6fdb", "#e08a1e", "#b3261e", "#3a8f4d");
  private static final int LEFT = 70;
  private static final int TOP = 60;
  private static final int HEIGHT = 280;
  private static final int BAR = 18;

  public String svg() {
    int group = BAR * series.size() + 30;
    int width = LEFT + Math.max(520, group * groups.size()) + 20;
    StringBuilder out = new StringBuilder();
    add(
        out,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
            + "font-size='12'>",
        width,
        TOP + HEIGHT + 110);
    add(out, "<rect width='100%%' height='100%%' fill='white'/>");
    add(out, "<text x='%d' y='22' font-size='15'>%s</text>", LEFT, escape(title));
    for (int i = 0; i < series.size(); i++) {
      int x = LEFT + i * 130;
      add(out, "<rect x='%d' y='34' width='12' height='12' fill='%s'/>", x, COLOURS.get(i));
      add(out, "<text x='%d' y='45'>%s</text>", x + 18, escape(series.get(i).name));
    }
    for (double tick : ticks()) {
      int y = y(tick);
      add(out, "<path d='M%d %dH%d' stroke='#ddd'/>", LEFT, y, width - 20);
      add(
          out,
          "<text x='%d' y='%d' text-anchor='end' fill='#555'>%s</text>",
          LEFT - 6,
          y + 4,
          number(tick));
    }
    add(out, "<text x='14' y='%d' fill='#555'>%s</text>", TOP - 2, escape(unit));
    for (int g = 0; g < groups.size(); g++) {
      int x = LEFT + 15 + g * group;
      for (int s = 0; s < series.size(); s++) {
        bar(out, series.get(s), g, x + s * BAR, COLOURS.get(s));
      }
      add(
          out,
          "<text transform='translate(%d %d) rotate(35)'>%s</text>",
          x,
          TOP + HEIGHT + 18,
          escape(groups.get(g)));
    }
    line.ifPresent(
        at ->
            add(
                out,
                "<path d='M%d %dH%d' stroke='#b3261e' stroke-dasharray='5 4'/>",
                LEFT,
                y(at),
                width - 20));
    return add(out, "</svg>").toString();
  }

  private void bar(StringBuilder out, Series one, int group, int x, String colour) {
    int y = y(one.values.get(group));
    add(
        out,
        "<rect x='%d' y='%d' width='%d' height='%d' fill='%s'><title>%s %s: %s %s</title></rect>",
        x,
        y,
        BAR - 3,
        TOP + HEIGHT - y,
        colour,
        escape(groups.get(group)),
        escape(one.name),
        number(one.values.get(group)),
        escape(unit));
    if (!one.least.get(group).equals(one.greatest.get(group))) {
      add(
          out,
          "<path d='M%d %dV%d' stroke='black' stroke-width='2'/>",
          x + BAR / 2 - 1,
          y(one.least.get(group)),
          y(one.greatest.get(group)));
    }
  }

  private double lowest() {
    double least =
        series.stream()
            .flatMap(s -> s.least.stream())
            .filter(v -> v > 0)
            .min(Double::compare)
            .orElse(1.0);
    return Math.pow(10, Math.floor(Math.log10(least)));
  }

  private double highest() {
    double most =
        Math.max(
            line.orElse(0),
            series.stream().flatMap(s -> s.greatest.stream()).max(Double::compare).orElse(1.0));
    return logarithmic ? Math.pow(10, Math.ceil(Math.log10(Math.max(most, 1e-3)))) : most * 1.1;
  }

  private double[] ticks() {
    if (!logarithmic) {
      double step = highest() / 5;
      return new double[] {0, step, 2 * step, 3 * step, 4 * step, 5 * step};
    }
    int decades = (int) Math.round(Math.log10(highest() / lowest()));
    double[] ticks = new double[decades + 1];
    for (int i = 0; i <= decades; i++) {
      ticks[i] = lowest() * Math.pow(10, i);
    }
    return ticks;
  }

  private int y(double value) {
    double share =
        logarithmic
            ? Math.log10(Math.max(value, lowest()) / lowest())
                / Math.max(1, Math.log10(highest() / lowest()))
            : value / highest();
    return TOP + HEIGHT - (int) Math.round(share * HEIGHT);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value >= 100 ? "%.0f" : value >= 1 ? "%.2f" : "%.3f", value);
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;");
  }

  private static StringBuilder add(StringBuilder out, String format, Object... values) {
    return out.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
