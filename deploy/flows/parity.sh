#!/usr/bin/env bash
# The same image, profile and phases under Docker Compose and on Kubernetes on this computer, in turns
# (A B A B): are the pods at least as fast? And what do the layers between cost: the NodePort, the
# pod network, the volume? Writes target/parity/: the figures, a plot, the table.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
source "$flows/config.sh"
source "$flows/compose-lib.sh"
: "${ROUNDS:=3}"
: "${DURATION:=10}"
: "${WARM_UP:=90}"
: "${CONCURRENCY:=8}"
: "${PHASES:=PING,WRITE,READ,STAT,CREATE,LISTDIR,SMALL_FILE,MIXED}"
: "${LAYERS:=PING,READ,STAT,CREATE}" # the phases that show what lies between
: "${GOAL:=0.9}"
out=target/parity
csv=$out/parity.csv

measure() { # label address phases [command that runs it]
  local label=$1 address=$2 phases=$3
  shift 3
  "$@" bin/sandstore bench --target "$address" --phases "$phases" --concurrency "$CONCURRENCY" --duration "$DURATION" \
    --warm-up "$WARM_UP" --csv "$csv" --label "$label"
}

# The process of a pod's container, where this computer's Docker runs it and root may look inside.
pod_process() { # pod
  local id
  [ "$(id -u)" = 0 ] && command -v nsenter >/dev/null || return 1
  id=$(docker ps --quiet --filter "name=k8s_sandstore_$1_" 2>/dev/null | head -1)
  [ -n "$id" ] && docker inspect --format '{{.State.Pid}}' "$id"
}

# What a container's own volume does, from within.
measure_volume() { # name command...
  local name=$1
  shift
  "$@" /opt/jre/bin/java -Xmx32m -jar /opt/sandstore/sandstore-cli-0.1.0.jar machine --dir /data/sandstore | sed "s|^|$name: |" | grep -E 'force|disk' | tee -a "$out/volumes.txt"
}

# A NodePort goes to the primary. One published port goes to one container: let that be the primary, so
# that neither side has a hop more.
primary_behind_published_port() {
  local primary
  for _ in 1 2 3 4 5 6; do
    primary=$(bin/sandstore status --target "127.0.0.1:$COMPOSE_PORT" | awk '$3 == "PRIMARY" { print $1 }')
    [ "$primary" = sandstore-0 ] && return
    [ -z "$primary" ] || compose restart "$primary" >/dev/null 2>&1
    compose up --detach --wait >/dev/null 2>&1
  done
  say "sandstore-0 would not become the primary: Compose has a hop more"
}

require_profile
require_registry parity
require_docker
require_context
require_ssd_node
rm -rf "$out"
mkdir -p "$out"
read_profile
find_pushed_image
find_endpoint
say "image: $image"
for ((round = 1; round <= ROUNDS; round++)); do
  step "round $round of $ROUNDS: Docker Compose"
  "$flows/compose-up.sh" >"$out/compose.log" 2>&1 || die "Compose did not come up" "see: $out/compose.log"
  export SANDSTORE_IMAGE=$image
  primary_behind_published_port
  # By the machine's own address, as for the NodePort: at 127.0.0.1 Docker puts a proxy between.
  measure compose "${target%:*}:$COMPOSE_PORT" "$PHASES"
  measure_volume compose compose exec -T sandstore-1
  "$flows/compose-down.sh" >>"$out/compose.log" 2>&1
  step "round $round of $ROUNDS: Kubernetes, through the NodePort"
  "$flows/deploy.sh" >"$out/k8s.log" 2>&1 || die "the deploy failed" "see: $out/k8s.log"
  measure kubernetes "$target" "$PHASES"
  ask entries get pods -l "$OURS,component=node,sandstore.io/entry=true" -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{"\n"}{end}'
  # shellcheck disable=SC2154 # ask has set it
  read -r pod primary <<<"$entries"
  if [ -n "$primary" ]; then
    step "round $round of $ROUNDS: the same pods, without the NodePort"
    measure pod-address "$primary:9070" "$LAYERS"
  fi
  if process=$(pod_process "$pod"); then
    step "round $round of $ROUNDS: the same pods, from inside the primary's network"
    measure inside "127.0.0.1:9070" "$LAYERS" nsenter "--net=/proc/$process/ns/net"
  fi
  measure_volume kubernetes kube exec sandstore-1 --
  "$flows/destroy.sh" >>"$out/k8s.log" 2>&1
done

step "what kube-proxy's NodePort costs"
bin/sandstore ratios "$csv" --of kubernetes --over pod-address 2>/dev/null | tee "$out/nodeport.txt" || say "the pod's address is not reachable from here"
step "what the pod network (CNI) costs"
bin/sandstore ratios "$csv" --of pod-address --over inside 2>/dev/null | tee "$out/cni.txt" || say "this computer's Docker does not run the pods: not measured"
step "what the volumes do"
sort "$out/volumes.txt"
step "Kubernetes against Compose (figures: $csv, plot: $out/parity.svg)"
bin/sandstore ratios "$csv" --of kubernetes --over compose --at-least "$GOAL" --plot "$out/parity.svg" | tee "$out/parity.txt"
[ "${PIPESTATUS[0]}" = 0 ] || die "Kubernetes is slower than Compose (all figures: $csv)"
