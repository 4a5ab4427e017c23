# The manifests as they are applied, with a profile's settings. Sourced.
# shellcheck shell=bash

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
  # What stands last in the ConfigMap is the standard profile's: another one has other keys.
  printf '%s\n' "$settings" | awk '
    NR == FNR { if (i = index($0, "=")) { key = substr($0, 1, i - 1); value[key] = substr($0, i + 1); keys[++n] = key }; next }
    /^  # Of the profile/ { own = 1 }
    match($0, /^  SANDSTORE_[A-Z0-9_]*:/) {
      key = substr($0, 3, RLENGTH - 3)
      if (key in value) { printf "  %s: \"%s\"\n", key, value[key]; there[key] = 1 } else if (!own) print
      next
    }
    { print }
    END { for (i = 1; i <= n; i++) if (!(keys[i] in there)) printf "  %s: \"%s\"\n", keys[i], value[keys[i]] }
    ' - deploy/k8s/configmap.yaml | sed "s|$MARK: by-hand|$MARK: $1|" >"$rendered/configmap.yaml"
}

# Sets standards to what each key is where nobody says anything, as KEY=VALUE lines.
find_standards() {
  local untuned
  untuned=$(bin/sandstore profile env --untuned "$PROFILE" 2>"$scratch/profile") ||
    die "the profile is refused" "$(cat "$scratch/profile")"
  standards=$({ config_of deploy/k8s/configmap.yaml && printf '%s\n' "$untuned"; } | awk -F= '!($1 in seen) { print; seen[$1] = 1 }')
}

# Sets etcd_image: what the rendered manifest of etcd runs.
find_etcd_image() { etcd_image=$(sed -n 's/^ *image: *//p' "$rendered/statefulset-etcd.yaml"); }

# config_of FILE: its data as sorted KEY=VALUE lines.
config_of() { awk 'match($0, /^  SANDSTORE_[A-Z0-9_]*:/) { v = substr($0, RLENGTH + 2); gsub(/^"|"$/, "", v); print substr($0, 3, RLENGTH - 3) "=" v }' "$1" | sort; }
