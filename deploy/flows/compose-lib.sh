# What the flows with Docker Compose share. Sourced after config.sh: Compose is given a profile's values as
# the one parser understood them.
# shellcheck shell=bash
: "${COMPOSE_PORT:=30081}"
export COMPOSE_PORT

compose() {
  mkdir -p target/compose
  printf '%s\n' "$settings" >"target/compose/$PROFILE.env"
  docker compose --file deploy/docker/compose.yaml --env-file "target/compose/$PROFILE.env" "$@"
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
