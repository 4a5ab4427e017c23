#!/usr/bin/env bash
# Flow 5: the logs of all pods in one stream, each line behind its pod's name. Pods and containers
# that come later are followed too. TAIL lines of each that runs already (100).
source "$(dirname "$0")/lib.sh"
: "${TAIL:=100}"
: "${FOLLOW:=1}"

require_context
followed=$(mktemp -d)
trap 'rm -rf "$followed"; kill $(jobs -p) 2>/dev/null || true' EXIT
trap 'exit 0' INT TERM

if [ "$FOLLOW" = 0 ]; then
  for pod in $(pods_of node); do kube logs "$pod" --tail="$TAIL" | sed "s/^/[$pod] /"; done
  exit 0
fi

tail=$TAIL
while :; do
  # One follower for each life of each container.
  kube get pods -l app=sandstore,component=node -o "jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.running.startedAt}{'\n'}{end}" 2>/dev/null |
    while read -r pod uid restarts started; do
      if [ -n "${started:-}" ] && [ ! -e "$followed/$uid-$restarts" ]; then
        : >"$followed/$uid-$restarts"
        printf '%s\n' "$pod"
      fi
    done >"$followed/new" || true
  while read -r pod; do
    { kube logs "$pod" --follow --tail="$tail" 2>&1 | while IFS= read -r line; do printf '[%s] %s\n' "$pod" "$line"; done; } &
  done <"$followed/new"
  tail=-1
  sleep 1
done
