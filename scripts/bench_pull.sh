#!/usr/bin/env bash
# How long `engine pull` takes, beside curl and sha256sum on the same bytes: a registry on loopback, a blob of random bytes, alternating runs.
#   scripts/bench_pull.sh [--engine FILE] [--mb 1000] [--runs 7] [--dir FOLDER]
# The goal is a ratio of at most 1.2. Needs docker-registry and curl (scripts/lib/packages), a quiet machine, and three times the bytes on disk.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

engine=$root/build/release/bin/engine
mb=1000
runs=7
parent=${TMPDIR:-/tmp}
while [[ $# -gt 0 ]]; do
  case $1 in
    --engine) engine=$2; shift 2 ;;
    --mb) mb=$2; shift 2 ;;
    --runs) runs=$2; shift 2 ;;
    --dir) parent=$2; shift 2 ;;
    *) die "unknown argument: $1" ;;
  esac
done
[[ -x $engine ]] || die "$engine is missing: build it (cmake --workflow --preset release), or give --engine"
for program in docker-registry curl sha256sum python3; do
  command -v "$program" > /dev/null || die "$program is missing: apt-get install it (scripts/lib/packages)"
done

work=$(mktemp -d "$parent/engine-bench-pull-XXXXXX")
registry_pid=
finish() {
  [[ -n $registry_pid ]] && kill "$registry_pid" 2> /dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# ---- the registry, on a port of its own choice ----
cat > "$work/registry.yml" << END
version: 0.1
log: { accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $work/data } }
http: { addr: 127.0.0.1:0 }
END
OTEL_TRACES_EXPORTER=none docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
registry_pid=$!
host=
for _ in $(seq 100); do
  host=$(grep -o 'listening on 127.0.0.1:[0-9]*' "$work/registry.log" | head -n 1 | cut -d' ' -f3 || true)
  [[ -n $host ]] && break
  sleep 0.1
done
[[ -n $host ]] || die "the registry did not start: $(tail -n 3 "$work/registry.log")"

# ---- a model of one blob ----
say "$mb MB of random bytes into the registry at $host"
head -c "${mb}000000" /dev/urandom > "$work/blob"
put() {  # FILE: uploads it, prints its digest
  local digest location
  digest=sha256:$(sha256sum "$1" | cut -d' ' -f1)
  location=$(curl -fsS -D - -o /dev/null -X POST "http://$host/v2/bench/m/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  curl -fsS -o /dev/null -H 'Content-Type: application/octet-stream' -T "$1" "$location&digest=$digest"
  echo "$digest"
}
printf '{"model_format":"gguf"}\n' > "$work/config"
blob=$(put "$work/blob")
config=$(put "$work/config")
size=$(stat -c %s "$work/blob")
rm "$work/blob"
printf '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"%s","size":%s}]}' \
  "$config" "$(stat -c %s "$work/config")" "$blob" "$size" > "$work/manifest"
curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/vnd.docker.distribution.manifest.v2+json' --data-binary "@$work/manifest" "http://$host/v2/bench/m/manifests/latest"

# ---- alternating runs ----
seconds() { python3 -c 'import sys; print(f"{(int(sys.argv[2]) - int(sys.argv[1])) / 1e9:.3f}")' "$1" "$2"; }
run_engine() {
  local begin end
  rm -rf "$work/store" && sync
  begin=$(date +%s%N)
  env HOME="$work" OLLAMA_MODELS="$work/store" OLLAMA_HOST=127.0.0.1:1 "$engine" pull --insecure "$host/bench/m" 2> "$work/err" || die "the pull failed: $(tail -n 1 "$work/err")"
  end=$(date +%s%N)
  seconds "$begin" "$end"
}
run_curl() {
  local begin end
  rm -f "$work/file" && sync
  begin=$(date +%s%N)
  curl -fsS -o "$work/file" "http://$host/v2/bench/m/blobs/$blob"
  [[ "sha256:$(sha256sum "$work/file" | cut -d' ' -f1)" == "$blob" ]] || die "curl fetched something else"
  end=$(date +%s%N)
  seconds "$begin" "$end"
}
run_engine > /dev/null
run_curl > /dev/null
: > "$work/engine.times" > "$work/curl.times"
for ((i = 1; i <= runs; ++i)); do
  e=$(run_engine) c=$(run_curl)
  printf 'run %d: engine pull %s s, curl && sha256sum %s s\n' "$i" "$e" "$c"
  echo "$e" >> "$work/engine.times"
  echo "$c" >> "$work/curl.times"
done
python3 - "$work/engine.times" "$work/curl.times" "$size" << 'END'
import statistics
import sys

engine, curl = ([float(line) for line in open(name)] for name in sys.argv[1:3])
e, c, size = statistics.median(engine), statistics.median(curl), int(sys.argv[3])
for name, median, times in (("engine pull", e, engine), ("curl && sha256sum", c, curl)):
    print(f"{name:18} median {median:.3f} s ({size / median / 1e6:.0f} MB/s), {min(times):.3f} to {max(times):.3f}")
print(f"ratio {e / c:.2f} (goal: at most 1.20)")
END
