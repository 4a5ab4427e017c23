package io.sandstore.cli;

import io.sandstore.bench.BarChart;
import io.sandstore.bench.BenchResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Compares runs that were taken in turns. */
@Command(
    name = "ratios",
    description =
        "Compares two labels of a file that 'bench --csv' wrote, whose runs were taken in turns: "
            + "MB/s of the one as a share of the other's where bytes moved, else operations per "
            + "second, turn by turn.",
    mixinStandardHelpOptions = true)
final class RatiosCommand implements Callable<Integer> {

  @Parameters(paramLabel = "FILE", description = "the CSV")
  Path csv = Path.of("");

  @Option(names = "--of", required = true, paramLabel = "LABEL", description = "compare this")
  String of = "";

  @Option(names = "--over", required = true, paramLabel = "LABEL", description = "with this")
  String over = "";

  @Option(
      names = "--at-least",
      paramLabel = "RATIO",
      description = "exit with 65 when a median is below (default: only show)")
  Optional<Double> goal = Optional.empty();

  @Option(names = "--plot", paramLabel = "FILE", description = "draw the ratios, as SVG")
  Optional<Path> plot = Optional.empty();

  private record Line(String operation, String label, double rate, String ofCeiling) {}

  private record Row(String operation, List<Double> sorted, String ofCeiling) {
    double least() {
      return sorted.getFirst();
    }

    double greatest() {
      return sorted.getLast();
    }

    double median() {
      int middle = sorted.size() / 2;
      return sorted.size() % 2 == 1
          ? sorted.get(middle)
          : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }
  }

  @Override
  public Integer call() throws IOException {
    List<Row> rows = rows(read());
    if (rows.isEmpty()) {
      throw new IllegalArgumentException(
          "%s has no operation with both labels, %s and %s".formatted(csv, of, over));
    }
    System.out.printf(
        "rate of %s as a share of %s's, turn by turn%n%-16s %6s %8s %8s %8s  %s%n",
        of, over, "OPERATION", "TURNS", "MIN", "MEDIAN", "MAX", "OF CEILING (" + of + ")");
    for (Row row : rows) {
      System.out.printf(
          Locale.ROOT,
          "%-16s %6d %8.2f %8.2f %8.2f  %s%s%n",
          row.operation,
          row.sorted.size(),
          row.least(),
          row.median(),
          row.greatest(),
          row.ofCeiling,
          below(row) ? "  below " + goal.get() : "");
    }
    if (plot.isPresent()) {
      Files.writeString(plot.get(), plot(rows));
    }
    return rows.stream().anyMatch(this::below) ? ExitCode.DATA.number() : 0;
  }

  private boolean below(Row row) {
    return goal.isPresent() && row.median() < goal.get();
  }

  private List<Line> read() throws IOException {
    List<String> text = Files.readAllLines(csv);
    if (text.isEmpty() || !text.getFirst().equals(BenchResult.CSV_HEADER)) {
      throw new IllegalArgumentException(csv + " is not what 'bench --csv' of this release writes");
    }
    List<Line> lines = new ArrayList<>();
    for (String line : text.subList(1, text.size())) {
      String[] field = line.split(",", -1);
      lines.add(
          new Line(
              field[0] + " x" + field[1],
              field[9],
              Double.parseDouble(field[12]) > 0
                  ? Double.parseDouble(field[12])
                  : Double.parseDouble(field[11]),
              Math.round(Double.parseDouble(field[15])) + "% of " + field[16]));
    }
    return lines;
  }

  private List<Row> rows(List<Line> lines) {
    Map<String, List<Line>> operations = new LinkedHashMap<>();
    lines.forEach(l -> operations.computeIfAbsent(l.operation, o -> new ArrayList<>()).add(l));
    List<Row> rows = new ArrayList<>();
    operations.forEach(
        (operation, all) -> {
          List<Line> one = all.stream().filter(l -> l.label.equals(of)).toList();
          List<Line> other = all.stream().filter(l -> l.label.equals(over)).toList();
          List<Double> ratios = new ArrayList<>();
          for (int turn = 0; turn < Math.min(one.size(), other.size()); turn++) {
            ratios.add(one.get(turn).rate / other.get(turn).rate);
          }
          if (!ratios.isEmpty()) {
            rows.add(
                new Row(operation, ratios.stream().sorted().toList(), one.getLast().ofCeiling));
          }
        });
    return rows;
  }

  private String plot(List<Row> rows) {
    return new BarChart(
            "Rate of %s as a share of %s's".formatted(of, over),
            "ratio",
            false,
            rows.stream().map(Row::operation).toList(),
            List.of(
                new BarChart.Series(
                    "median, min to max",
                    rows.stream().map(Row::median).toList(),
                    rows.stream().map(Row::least).toList(),
                    rows.stream().map(Row::greatest).toList())),
            OptionalDouble.of(1))
        .svg();
  }
}
