# What the flows with Docker Compose share. Sourced.
# shellcheck shell=bash
: "${COMPOSE_PORT:=30081}"
export COMPOSE_PORT

compose() { docker compose --file deploy/docker/compose.yaml --env-file "deploy/profiles/$PROFILE.env" "$@"; }
