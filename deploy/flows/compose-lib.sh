# What the flows with Docker Compose share. Sourced after config.sh: Compose is given a profile's settings as
# Kubernetes is.
# shellcheck shell=bash
: "${COMPOSE_PORT:=30081}"
export COMPOSE_PORT

compose() {
  mkdir -p target/compose
  printf '%s\n' "$settings" >"target/compose/$profile.env"
  # What stands last is the standard profile's: another one has other keys.
  printf '%s\n' "$settings" | awk '
    NR == FNR { if (i = index($0, "=")) { key = substr($0, 1, i - 1); value[key] = substr($0, i + 1); keys[++n] = key }; next }
    /^    # Of the profile/ {
      own = 1
      for (i = 1; i <= n; i++) if (!(keys[i] in there)) printf "    %s: \"%s\"\n", keys[i], value[keys[i]]
      next
    }
    match($0, /^    SANDSTORE_[A-Z0-9_]*:/) { if (own) next; there[substr($0, 5, RLENGTH - 5)] = 1 }
    { print }' - deploy/docker/compose.yaml >"target/compose/$profile.yaml"
  docker compose --file "target/compose/$profile.yaml" --env-file "target/compose/$profile.env" "$@"
}

# Somebody else's port would be found out after minutes, below the logs of etcd.
require_free_port() {
  local mine
  mine=$(docker ps --quiet --filter label=com.docker.compose.project=sandstore --filter "publish=$COMPOSE_PORT") ||
    die "docker does not say what has port $COMPOSE_PORT" "see: docker ps"
  [ -z "$mine" ] || return 0
  if (: >"/dev/tcp/127.0.0.1/$COMPOSE_PORT") 2>/dev/null; then
    die "port $COMPOSE_PORT of this computer is taken by another program" "choose another: make compose-up COMPOSE_PORT=<port>"
  fi
}
