# A profile's values, and the manifests as they are applied. Sourced.
# shellcheck shell=bash

# Sets settings to the profile's KEY=VALUE lines. The one parser of profiles: what it does not understand it
# refuses, because a value that is ignored is found out about much later.
read_profile() {
  local file=deploy/profiles/$PROFILE.env
  settings=$(awk '
    function refuse(why) { printf "%s, line %d: %s: %s\n", FILENAME, FNR, why, $0; bad = 1 }
    NR == FNR { if (match($0, /^  SANDSTORE_[A-Z0-9_]*:/)) known[substr($0, 3, RLENGTH - 3)] = 1; next }
    /\r/ { sub(/\r.*/, ""); refuse("a line end of another system (CRLF)"); next }
    /^#/ || /^$/ { next }
    !/^SANDSTORE_[A-Z0-9_]*=/ { refuse("not SANDSTORE_KEY=value from the first column on"); next }
    {
      key = substr($0, 1, index($0, "=") - 1)
      value = substr($0, index($0, "=") + 1)
      if (!(key in known)) refuse("no key of deploy/k8s/configmap.yaml")
      else if (key in seen) refuse("a second time")
      else if (value ~ /[^A-Za-z0-9._:\/,@%+ -]/) refuse("a character that is taken literally nowhere (letters, digits and ._:/,@%+- are)")
      else if (value ~ /^ / || value ~ / $/) refuse("a blank at the value'\''s begin or end")
      else print
      seen[key] = 1
    }
    END { exit bad }' deploy/k8s/configmap.yaml "$file") ||
    die "the profile has lines that nobody would understand" "$(printf '%s\n' "$settings" | grep -v '^SANDSTORE_')"
}

# Sets manifests_sum: a checksum of what an update does not change. Comments mean nothing to a cluster, and
# configuration is compared by key.
find_manifests_sum() {
  local file
  manifests_sum=v2-$(for file in deploy/k8s/*.yaml; do
    [ "$file" = deploy/k8s/configmap.yaml ] || sed -E -e '/^[[:space:]]*(#.*)?$/d' -e "s/[[:space:]]+#[^\"']*$//" "$file"
  done | cksum | tr -s ' ' '-')
}

rendered=target/k8s/rendered

# render INSTANCE IMAGE: the manifests as they are applied, in target/k8s/rendered.
render() {
  local file etcd_image=${ETCD_IMAGE:-}
  find_manifests_sum
  rm -rf "$rendered"
  mkdir -p "$rendered"
  for file in deploy/k8s/*.yaml; do
    sed -e "s|$MARK: by-hand|$MARK: $1|" -e "s|sandstore.io/manifests: by-hand|sandstore.io/manifests: \"$manifests_sum\"|" \
      -e "s|image: sandstore-node:raft-latest|image: $2|" ${etcd_image:+-e "s|image: .*etcd.*|image: $etcd_image|"} \
      "$file" >"$rendered/$(basename "$file")"
  done
  printf '%s\n' "$settings" | awk '
    NR == FNR { if (i = index($0, "=")) value[substr($0, 1, i - 1)] = substr($0, i + 1); next }
    match($0, /^  SANDSTORE_[A-Z0-9_]*:/) && (substr($0, 3, RLENGTH - 3) in value) {
      key = substr($0, 3, RLENGTH - 3)
      printf "  %s: \"%s\"\n", key, value[key]
      next
    }
    { print }' - deploy/k8s/configmap.yaml | sed "s|$MARK: by-hand|$MARK: $1|" >"$rendered/configmap.yaml"
}

# Sets etcd_image: what the rendered manifest of etcd runs.
find_etcd_image() { etcd_image=$(sed -n 's/^ *image: *//p' "$rendered/statefulset-etcd.yaml"); }

# config_of FILE: its data as sorted KEY=VALUE lines.
config_of() { awk 'match($0, /^  SANDSTORE_[A-Z0-9_]*:/) { v = substr($0, RLENGTH + 2); gsub(/^"|"$/, "", v); print substr($0, 3, RLENGTH - 3) "=" v }' "$1" | sort; }
