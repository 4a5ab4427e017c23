#!/usr/bin/env bash
# Stops the nodes under Docker Compose and removes their volumes, and shows that none is left.
source "$(dirname "$0")/lib.sh"
source "$flows/config.sh"
source "$flows/compose-lib.sh"
require_profile
require_docker
read_profile
SANDSTORE_IMAGE=${SANDSTORE_IMAGE:-unused} compose down --volumes --remove-orphans --timeout 30
# find_left KIND WORDS...: sets left to how many there are.
find_left() {
  left=$(docker "$1" ls ${2:+"$2"} --quiet --filter label=com.docker.compose.project=sandstore) || die "docker does not say what is left" "see: docker ps --all, docker volume ls"
  left=$(printf '%s' "$left" | grep -c . || true)
}
find_left container --all && containers=$left
find_left volume && volumes=$left
say "left: $containers containers, $volumes volumes of Sand Store"
[ "$containers$volumes" = 00 ] || die "something is left" "see: docker ps --all, docker volume ls"
