#!/usr/bin/env bash
# The same image, profile and phases under Docker Compose and on Kubernetes on this computer, in turns
# (A B A B): are the pods at least as fast? Writes target/parity.csv and a table of ratios.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/compose-lib.sh"
: "${ROUNDS:=2}"
: "${DURATION:=10}"
: "${WARM_UP:=10}"
: "${CONCURRENCY:=8}"
: "${PHASES:=WRITE,READ,STAT,CREATE,LISTDIR,SMALL_FILE,MIXED}"
csv=target/parity.csv

measure() { # label address
  bin/sandstore bench --target "$2" --phases "$PHASES" --concurrency "$CONCURRENCY" --duration "$DURATION" \
    --warm-up "$WARM_UP" --csv "$csv" --label "$1"
}

require_profile
require_registry parity
require_docker
require_context
require_ssd_node
mkdir -p target
rm -f "$csv"
for ((round = 1; round <= ROUNDS; round++)); do
  step "round $round of $ROUNDS: Docker Compose"
  "$(dirname "$0")/compose-up.sh" >target/parity-compose.log 2>&1 || die "Compose did not come up" "see: target/parity-compose.log"
  measure compose "127.0.0.1:$COMPOSE_PORT"
  "$(dirname "$0")/compose-down.sh" >>target/parity-compose.log 2>&1
  step "round $round of $ROUNDS: Kubernetes"
  "$(dirname "$0")/deploy.sh" >target/parity-k8s.log 2>&1 || die "the deploy failed" "see: target/parity-k8s.log"
  measure kubernetes "$(endpoint)"
  "$(dirname "$0")/destroy.sh" >>target/parity-k8s.log 2>&1
done

step "operations per second on Kubernetes, as a share of those under Compose, round by round"
awk -F, -v goal=0.9 '
  NR > 1 { rate[$10, $1, ++seen[$10, $1]] = $12; if (!($1 in order)) { order[$1] = ++phases; name[phases] = $1 } }
  END {
    printf "%-12s %8s %8s %8s\n", "OPERATION", "MIN", "MEDIAN", "MAX"
    for (p = 1; p <= phases; p++) {
      n = seen["compose", name[p]]
      for (i = 1; i <= n; i++) { r[i] = rate["kubernetes", name[p], i] / rate["compose", name[p], i] }
      for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (r[j] < r[i]) { t = r[i]; r[i] = r[j]; r[j] = t }
      median = n % 2 ? r[(n + 1) / 2] : (r[n / 2] + r[n / 2 + 1]) / 2
      printf "%-12s %8.2f %8.2f %8.2f%s\n", name[p], r[1], median, r[n], median < goal ? "  below " goal : ""
      if (median < goal) bad = 1
    }
    exit bad
  }' "$csv" || die "Kubernetes is slower than Compose (all figures: $csv)"
