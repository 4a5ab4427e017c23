#!/usr/bin/env bash
# Tries the nodes under Docker Compose from outside, through the one published port.
source "$(dirname "$0")/lib.sh"
source "$flows/config.sh"
source "$flows/compose-lib.sh"
step "smoke test through 127.0.0.1:$COMPOSE_PORT"
bin/sandstore smoke --target "127.0.0.1:$COMPOSE_PORT" || die "the smoke test failed" \
  "see: docker compose -f deploy/docker/compose.yaml logs"
