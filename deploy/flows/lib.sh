# What the flows share: settings, words, how a flow ends. Sourced by each; runs on the bash 3.2 of macOS.
# The cluster is asked and changed through cluster.sh, and nowhere else.
# shellcheck shell=bash
set -euo pipefail
flows=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$flows/../.."

: "${KUBE_CONTEXT:=minikube-laptop}"
: "${PROFILE:=raft}"
: "${ALLOW_LOCAL_CLUSTER:=}"
profile=$(basename "$PROFILE" .conf) # its name
# Read by the flows that source this.
# shellcheck disable=SC2034
NODE_PORT=30080 REPLICAS=3

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
now() { date +%s; }

# --- How a flow ends ---
# Every flow that changes the cluster ends with one line 'state: ...':
#   deployed, destroyed, updated, rolled-back   it did what it is for
#   refused      something was missing or wrong; nothing was changed
#   halted       an update stopped at a pod that does not work; the others were left alone
#   failed       it changed something and could not go on; the words before say what to do
#   unknown      the cluster stopped answering; what is known is said, and nothing else
#   interrupted  somebody stopped it; the same command goes on from there
state=            # empty until the flow knows how it ends
names_its_end=    # not empty: this flow prints its state
changed=          # not empty: something in the cluster was, or may have been, changed
doing="checking what it needs"
exec 8>&1 9>&2   # a trap runs where it comes, redirections included: its words belong here
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sandstore.XXXXXX")

# Words on the way out of a flow: the first is the error, the others are help.
complain() {
  printf 'error: %s\n' "$1" >&2
  shift
  local line
  for line in "$@"; do printf '%s\n' "$line" | sed 's/^/       /' >&2; done
}

die() {
  complain "$@"
  state=refused
  [ -z "$changed" ] || state=failed
  exit 1
}

# release gives back what a flow holds; cluster.sh and lock.sh say what that is.
release() { :; }

ended() {
  local code=$1
  set +e
  exec 1>&8 2>&9
  trap '' INT TERM HUP
  [ "$code" = 0 ] || [ -n "$state" ] || { complain "it broke off while $doing (exit code $code)" && state=failed; }
  release
  rm -rf "$scratch"
  [ -z "$names_its_end" ] || printf 'state: %s\n' "${state:-unknown}"
}

interrupted() {
  exec 1>&8 2>&9
  printf '\ninterrupted while %s.%s The same command goes on from here.\n' "$doing" \
    "${changed:+ What was begun stays as it is.}" >&2
  state=interrupted
  exit 130
}

trap 'ended $?' EXIT
trap interrupted INT TERM HUP

# --- What a flow needs ---

# A file somewhere, or what lies in profiles/ or in a jar of somebody's: that these have one is found out when
# it is read. What its lines say is for 'sandstore profile' to understand.
require_profile() {
  case $PROFILE in
  */* | *.conf) if [ -f "$PROFILE" ] && [ "${PROFILE%.conf}" != "$PROFILE" ]; then return; fi ;;
  *) if [ -f "profiles/$PROFILE.conf" ] || has_extensions; then return; fi ;;
  esac
  die "there is no profile '$PROFILE'" \
    "profiles: $(for f in profiles/*.conf; do basename "$f" .conf; done | tr '\n' ' ')" \
    "or the path of a file: PROFILE=../mine.conf (see docs/profiles.md)"
}

has_extensions() { ls extensions/*.jar >/dev/null 2>&1; }

# Sets settings to what the profile has a node's environment say, as KEY=VALUE lines.
read_profile() {
  settings=$(bin/sandstore profile env "$PROFILE" 2>"$scratch/profile") ||
    die "the profile is refused" "$(cat "$scratch/profile")" "see: sandstore profile check $PROFILE"
}

setting() { printf '%s\n' "$settings" | sed -n "s/^$1=//p"; }

require_registry() {
  [ -n "${REGISTRY_URL:-}" ] || die "REGISTRY_URL is not set: where images are pushed to and the cluster pulls from" \
    "for example: make $1 PROFILE=$PROFILE REGISTRY_URL=<registry>/<you>"
}

require_docker() {
  command -v docker >/dev/null || die "docker is not installed"
  docker info >/dev/null 2>&1 || die "the Docker daemon does not answer: start Docker (docker info says why)"
}

image_tag() { printf '%s/sandstore-node:%s-latest' "${REGISTRY_URL%/}" "$profile"; }

# Sets image: the digest behind the tag now. What runs must not change when somebody pushes.
find_pushed_image() {
  local tag answer digest
  tag=$(image_tag)
  # A registry that is away says nothing of its images, and one that refuses may have none to show.
  answer=$(docker buildx imagetools inspect "$tag" 2>&1) || {
    case $answer in
    *'not found'* | *'manifest unknown'*) ;;
    *) die "the registry does not say what $tag is" "$answer" \
      "if it was never pushed, run: make k8s-build PROFILE=$PROFILE REGISTRY_URL=$REGISTRY_URL" ;;
    esac
  }
  digest=$(printf '%s\n' "$answer" | sed -n 's/^Digest: *\(sha256:[0-9a-f]*\).*/\1/p')
  [ -n "$digest" ] || die "the registry has no image $tag" "$answer" \
    "run: make k8s-build PROFILE=$PROFILE REGISTRY_URL=$REGISTRY_URL"
  image=${tag%:*}@${digest%%$'\n'*}
}
