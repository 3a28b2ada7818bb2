#!/usr/bin/env bash
# Where does a model spend its time?
#   scripts/profile.sh [--engine PROGRAM] MODEL [pp|tg] [arguments of engine bench]
# Prints the times of the steps of the plan (`engine bench --profile`), then the functions that take most: by `perf record`, or, where
# perf may not count, by `valgrind --tool=callgrind`: instructions instead of time, only those of the steps, of a short run with one
# thread and AVX2, since valgrind does not know AVX-512.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

engine=$root/build/release/bin/engine
if [[ ${1:-} == --engine ]]; then
  engine=${2:?--engine needs a program}
  shift 2
fi
[[ $# -ge 1 ]] || die "usage: scripts/profile.sh [--engine PROGRAM] MODEL [pp|tg] [arguments of engine bench]"
[[ -x $engine ]] || die "no program at $engine: cmake --workflow --preset release"
model=$1 test=${2:-tg}
shift $(($# > 1 ? 2 : 1))
case $test in
  pp) tests=(-p 512 -n 0) short=(-p 32 -n 0) ;;
  tg) tests=(-p 0 -n 128) short=(-p 0 -n 2) ;;
  *) die "unknown test: $test (known: pp, tg)" ;;
esac
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

say "steps of the plan"
"$engine" bench -m "$model" "${tests[@]}" -r 3 "$@" --profile 2>&1

if command -v perf > /dev/null && perf record -q -o "$out/try" true > /dev/null 2>&1; then
  say "functions, by perf"
  perf record -q -F 999 -o "$out/data" "$engine" bench -m "$model" "${tests[@]}" -r 5 --no-roofs "$@" > /dev/null
  perf report -i "$out/data" --no-children --percent-limit 0.5 --stdio 2> /dev/null | grep -v '^#' | grep -v '^$' | head -25
elif command -v valgrind > /dev/null; then
  say "functions, by callgrind (perf may not count here)"
  ENGINE_ISA=avx2 valgrind -q --tool=callgrind --toggle-collect='engine::Model::step*' --callgrind-out-file="$out/calls" \
    "$engine" bench -m "$model" "${short[@]}" -r 1 -t 1 --no-roofs --no-warmup "$@" > /dev/null
  callgrind_annotate --threshold=97 "$out/calls" | sed -n '/file:function/,$p' | cut -c1-150 | head -28
else
  die "neither perf nor valgrind is here: apt-get install linux-perf valgrind"
fi
