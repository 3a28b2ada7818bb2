#!/usr/bin/env bash
# Is a commit faster than another? Builds both, runs `engine bench` of both in turn, prints the ratio of each test.
#   scripts/bench_compare.sh [--pairs 7] [--limit 2] [--build-only] BASE HEAD [arguments of engine bench]
#   scripts/bench_compare.sh main . -m MODEL -p 512 -n 128 -t 2
# BASE and HEAD are commits; "." is the working tree as it is. Each pair starts both programs afresh, in changing order; a pair
# during which the host took more than --limit percent of the time, or other processes did, is discarded and repeated.
# The builds stay under build/compare, so that the next comparison is quick; `git worktree prune` after deleting them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$root"

pairs=7 limit=2 build_only=false
while [[ ${1:-} == --* ]]; do
  case $1 in
    --pairs) pairs=${2:?--pairs needs a number}; shift 2 ;;
    --limit) limit=${2:?--limit needs a number}; shift 2 ;;
    --build-only) build_only=true; shift ;;
    *) die "unknown argument: $1" ;;
  esac
done
[[ $# -ge 2 ]] || die "usage: scripts/bench_compare.sh [--pairs N] [--limit PERCENT] [--build-only] BASE HEAD [arguments of engine bench]"
((pairs >= 5)) || die "--pairs $pairs: fewer than five pairs say nothing"

# The same objects for the same text, wherever the checkout lies.
export CCACHE_NOHASHDIR=1

# build REV: sets `program` to the engine of that commit and `name` to what it is called.
build() {
  local source=$root
  if [[ $1 == . ]]; then
    name="working tree"
  else
    name=$(git rev-parse --verify --quiet --short=8 "$1^{commit}") || die "no such commit: $1"
    source=$root/build/compare/$name
    [[ -e $source/.git ]] || git worktree add --quiet --force --detach "$source" "$1"
  fi
  local out=$source/build/compare-release
  say "building $name"
  CCACHE_BASEDIR=$source cmake -S "$source" -B "$out" -G Ninja -DCMAKE_BUILD_TYPE=Release -DENGINE_TESTS=OFF -DENGINE_BENCH=OFF > /dev/null
  CCACHE_BASEDIR=$source cmake --build "$out" -j "$(jobs)" --target engine >&2
  program=$out/bin/engine
}

build "$1"
base=$program base_name=$name
build "$2"
head=$program head_name=$name
shift 2
$build_only && exit
exec env PYTHONPATH="$root/scripts" python3 -B -m lib.bench_compare --pairs "$pairs" --limit "$limit" "$base" "$base_name" "$head" "$head_name" -- "$@"
