#!/usr/bin/env bash
# Flow 5: the logs of all pods in one stream, each line behind its pod's name. Pods and containers that come
# later are followed too, and a stream that breaks is said and taken up again at the line where it was.
# TAIL lines of each that runs already (100). Ends when nobody reads any more.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
: "${TAIL:=100}"
: "${FOLLOW:=1}"

require_context
# A follower is a group of processes of its own (set -m, below): so kubectl ends as well, which would wait for
# its pod's next line.
end_followers() {
  local follower
  for follower in $(jobs -p); do kill -- "-$follower" 2>/dev/null || true; done
}
trap 'code=$?; end_followers; ended "$code"' EXIT
trap 'exit 0' INT TERM HUP

if [ "$FOLLOW" = 0 ]; then
  ask names get pods -l "$OURS,component=node" -o 'jsonpath={.items[*].metadata.name}'
  # shellcheck disable=SC2154 # ask has set it
  for pod in $names; do
    kube logs "$pod" --tail="$TAIL" 2>&1 | sed "s/^/[$pod] /" || say "[$pod] its log does not come (see above)"
  done
  exit 0
fi

# A reader that has gone is a broken pipe's only when somebody writes, and quiet pods write for hours. But a
# pipe whose other end is closed passes for one that can be read: select(2) says so, which 'read -t 0' asks
# from bash 4 on; the bash 3.2 of macOS lets perl ask. Without either, the next line shows it.
reader_is_gone() {
  [ ! -e "$scratch/closed" ] || return 0
  [ -p /dev/stdout ] || return 1
  if [ "${BASH_VERSINFO[0]}" -ge 4 ]; then
    read -r -t 0 -u 1 2>/dev/null
  else
    perl -e 'vec($pipe, 1, 1) = 1; exit 1 - select($pipe, undef, undef, 0)' 2>/dev/null
  fi
}

# Prints a pod's lines, without their times, which are kept for the next stream: the last in $2.
# Where nobody reads any more it leaves a word, because a closed pipe is no error of the pod's.
print_lines() { # POD FILE
  local time line last
  last=$(cat "$2" 2>/dev/null || true)
  trap '' PIPE
  while read -r time line; do
    case $time in [0-9]*T*) ;; *) line="$time $line" time='' ;; esac
    # A stream is taken up at a second, not at a line: what was printed already is left out. Without its
    # Z a time of fewer digits sorts before one of more.
    if [ -n "$time" ]; then
      [[ ${time%Z} > ${last%Z} ]] || continue
      last=$time
      printf '%s' "$last" >"$2"
    fi
    printf '[%s] %s\n' "$1" "$line" 2>/dev/null || { : >"$scratch/closed" && return 0; }
  done
}

# Follows one life of one container.
follow() { # POD LIFE
  local from="--tail=$tail" file=$scratch/$2.time
  [ ! -s "$file" ] || from="--since-time=$(cat "$file")"
  # Without a limit of time: it is meant to last.
  kubectl --context="$KUBE_CONTEXT" --namespace=default logs "$1" --follow --timestamps "$from" 2>&1 | print_lines "$1" "$file" || true
  mv "$scratch/$2" "$scratch/$2.ended" 2>/dev/null || true
}

tail=$TAIL
lost=
trap '' PIPE # a failed write is noticed where it fails
until reader_is_gone; do
  # One follower for each life of each container. A look that fails is repeated by the next.
  if seen=$(kube get pods -l "$OURS,component=node" -o 'jsonpath={range .items[*]}{.metadata.name}|{.metadata.uid}|{.status.containerStatuses[*].restartCount}|{.status.containerStatuses[*].state.running.startedAt}{"\n"}{end}' 2>"$scratch/words"); then
    lost=
    while IFS='|' read -r pod uid restarts started; do
      life=$uid-$restarts
      if [ -z "$started" ] || [ -e "$scratch/$life" ]; then continue; fi
      if [ -e "$scratch/$life.ended" ]; then
        printf '[%s] -- the stream broke; it is taken up again\n' "$pod" || exit 0
        rm -f "$scratch/$life.ended"
      fi
      : >"$scratch/$life"
      set -m
      follow "$pod" "$life" &
      set +m
    done <<<"$seen"
    tail=-1
  elif [ -z "$lost" ]; then
    printf -- '-- the cluster does not answer: %s\n' "$(head -1 "$scratch/words")" || exit 0
    lost=yes
  fi
  sleep 1
done
