#!/usr/bin/env bash
# Stops the nodes under Docker Compose and removes their volumes, and shows that none is left.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/compose-lib.sh"
require_profile
require_docker
SANDSTORE_IMAGE=${SANDSTORE_IMAGE:-unused} compose down --volumes --remove-orphans --timeout 30
left() { docker "$1" ls ${2:-} --quiet --filter label=com.docker.compose.project=sandstore | grep -c . || true; }
containers=$(left container --all) volumes=$(left volume)
say "left: $containers containers, $volumes volumes of Sand Store"
[ "$containers$volumes" = 00 ] || die "something is left" "see: docker ps --all, docker volume ls"
