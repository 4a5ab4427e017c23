# What the flows share. Sourced by each of them; runs on the bash 3.2 of macOS.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

: "${KUBE_CONTEXT:=minikube-laptop}"
: "${PROFILE:=raft}"
: "${ALLOW_LOCAL_CLUSTER:=}"
NODE_PORT=30080
REPLICAS=3

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}

# Every call of kubectl names its context: nothing ever uses the current one.
kube() { kubectl --context="$KUBE_CONTEXT" --namespace=default "$@"; }

# How a person writes the same call.
kube_words="kubectl --context=$KUBE_CONTEXT --namespace=default"

require_profile() {
  [ -f "deploy/profiles/$PROFILE.env" ] && return
  die "there is no profile '$PROFILE'" \
    "profiles: $(for f in deploy/profiles/*.env; do basename "$f" .env; done | tr '\n' ' ')"
}

require_registry() {
  [ -n "${REGISTRY_URL:-}" ] || die "REGISTRY_URL is not set: where images are pushed to and the cluster pulls from" \
    "for example: make $1 PROFILE=$PROFILE REGISTRY_URL=<registry>/<you>"
}

image_tag() { printf '%s/sandstore-node:%s-latest' "${REGISTRY_URL%/}" "$PROFILE"; }

# The digest behind the tag now: what runs must not change when somebody pushes.
pushed_image() {
  local tag digest
  tag=$(image_tag)
  digest=$(docker buildx imagetools inspect "$tag" 2>/dev/null | sed -n 's/^Digest: *\(sha256:[0-9a-f]*\).*/\1/p' | head -1)
  [ -n "$digest" ] || die "the registry has no image $tag" "run: make k8s-build PROFILE=$PROFILE REGISTRY_URL=$REGISTRY_URL"
  printf '%s@%s' "${tag%:*}" "$digest"
}

require_docker() {
  command -v docker >/dev/null || die "docker is not installed"
  docker info >/dev/null 2>&1 || die "the Docker daemon does not answer: start Docker (docker info says why)"
}

# The cluster must be the remote one: by name and by where its API server is.
require_context() {
  local server
  command -v kubectl >/dev/null || die "kubectl is not installed"
  server=$(kubectl --context="$KUBE_CONTEXT" config view --minify -o 'jsonpath={.clusters[0].cluster.server}' 2>/dev/null) ||
    die "kubectl knows no context '$KUBE_CONTEXT'" "kubectl config get-contexts lists them; set KUBE_CONTEXT"
  if [ -z "$ALLOW_LOCAL_CLUSTER" ]; then
    case $KUBE_CONTEXT in
    docker-desktop | docker-for-desktop | rancher-desktop | orbstack | colima* | kind-* | k3d-*)
      die "context '$KUBE_CONTEXT' is a cluster on this computer, not the remote one" \
        "set KUBE_CONTEXT; or, if you mean it, ALLOW_LOCAL_CLUSTER=1" ;;
    esac
    case $server in
    *//localhost[:/]* | *//localhost | *//127.* | *//\[::1\]* | *//0.0.0.0* | *docker.internal*)
      die "context '$KUBE_CONTEXT' points to $server, which is this computer and not the remote cluster" \
        "set KUBE_CONTEXT; or, if you mean it, ALLOW_LOCAL_CLUSTER=1" ;;
    esac
  fi
  kube get --raw=/version --request-timeout=15s >/dev/null 2>&1 ||
    die "the cluster of context '$KUBE_CONTEXT' does not answer at $server" "try: $kube_words get nodes"
}

# Somebody must have said which node has the SSD.
require_ssd_node() {
  local nodes
  nodes=$(kube get nodes -l sandstore.io/storage=ssd -o name)
  [ -n "$nodes" ] && return
  die "no node of the cluster is labelled as having the SSD; label it:" \
    "$kube_words label node <node> sandstore.io/storage=ssd" \
    "nodes: $(kube get nodes -o 'jsonpath={.items[*].metadata.name}')"
}

# Where clients outside reach the cluster: ENDPOINT, else the first node's address and our port.
endpoint() {
  if [ -n "${ENDPOINT:-}" ]; then
    printf '%s' "$ENDPOINT"
  else
    printf '%s:%s' "$(kube get nodes -o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')" $NODE_PORT
  fi
}

field() { kube get "$1" -o "jsonpath=$2" 2>/dev/null || true; }

pods_of() { kube get pods -l "app=sandstore,component=$1" -o "jsonpath={range .items[*]}{.metadata.name}{'\n'}{end}"; }

ready() { [ "$(field "pod/$1" '{.status.conditions[?(@.type=="Ready")].status}')" = True ]; }

# Why a pod does not come up, in a word; empty while it may.
crash_of() {
  local waiting restarts
  waiting=$(field "pod/$1" '{.status.containerStatuses[0].state.waiting.reason}')
  restarts=$(field "pod/$1" '{.status.containerStatuses[0].restartCount}')
  case $waiting in
  CrashLoopBackOff | ImagePullBackOff | ErrImagePull | InvalidImageName | CreateContainerConfigError | CreateContainerError | RunContainerError)
    printf '%s' "$waiting" ;;
  *) [ "${restarts:-0}" -gt "${2:-0}" ] && printf 'crashed (%s restarts)' "$restarts" || true ;;
  esac
}

# What the scheduler says of pods that wait.
pending_report() {
  local pod message
  for pod in $(kube get pods -l app=sandstore --field-selector=status.phase=Pending -o 'jsonpath={.items[*].metadata.name}'); do
    message=$(field "pod/$pod" '{.status.conditions[?(@.type=="PodScheduled")].message}')
    [ -n "$message" ] || message=$(kube get events --field-selector="involvedObject.name=$pod" --sort-by=.lastTimestamp -o 'jsonpath={.items[-1:].message}' 2>/dev/null || true)
    printf '       %s is Pending: %s\n' "$pod" "${message:-no event yet}" >&2
  done
  printf '       claims:\n' >&2
  kube get pvc -l app=sandstore -o custom-columns=CLAIM:.metadata.name,STATUS:.status.phase,ASKS:.spec.resources.requests.storage --no-headers 2>/dev/null | sed 's/^/         /' >&2 || true
  printf '       check that the SSD has room for the claims (df -h on the node), and the requests in deploy/k8s/statefulset-sandstore.yaml\n' >&2
}

# last_words POD: the log of a pod's dead container. Between two crashes the kubelet names one for some
# seconds that is gone already, and kubectl says so on standard output, with exit code 0.
last_words() {
  local attempt words
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    words=$(kube logs "$1" --previous) || return
    case $words in
    'unable to retrieve container logs'*) [ "$attempt" = 10 ] || sleep 1 ;;
    *) printf '%s\n' "$words" && return ;;
    esac
  done
  return 1
}

# save_crash POD: the last words of a pod's dead container, kept where a rollback cannot lose them.
save_crash() {
  local file
  file=target/k8s/crash-$1-$(date +%Y%m%d-%H%M%S).log
  mkdir -p target/k8s
  { last_words "$1" 2>/dev/null || kube logs "$1" 2>/dev/null || true; } >"$file"
  [ -s "$file" ] || kube describe pod "$1" >"$file" 2>&1 || true
  printf '%s' "$file"
}

now() { date +%s; }
