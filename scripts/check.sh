#!/usr/bin/env bash
# What CI checks besides building and testing.
#   scripts/check.sh [--sources] [--objects BUILD]      without arguments: the sources, and build/dev if it is there
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$root"
failed=false
fail() { printf 'error: %s\n' "$*" >&2; failed=true; }

check_sources() {
  say "include rules"
  python3 scripts/check_includes.py || failed=true

  say "packaging"
  python3 scripts/check_packaging.py || failed=true

  say "length of files"
  while read -r file; do
    [[ -f $file ]] || continue
    lines=$(wc -l < "$file")
    ((lines <= 800)) || fail "$file has $lines lines; more than 800 are not allowed: split it"
  done < <(git ls-files -co --exclude-standard -- '*.h' '*.cpp' '*.inc' '*.py' '*.sh' '*.cmake' 'CMakeLists.txt' 'scripts/*' | sort -u)

  say "format"
  if command -v clang-format-14 > /dev/null; then
    local unformatted
    unformatted=$(git ls-files -co --exclude-standard -- '*.h' '*.cpp' | xargs -P "$(nproc)" -n 20 clang-format-14 --dry-run -Werror 2>&1 |
      grep 'error:' | cut -d: -f1 | sort -u || true)
    [[ -z $unformatted ]] || fail "not formatted (scripts/format.sh FILE...):"$'\n'"$unformatted"
  else
    say "WARNING: clang-format-14 is not installed: the format is not checked"
  fi
}

check_objects() { say "symbols of ISA objects in $1"; python3 scripts/check_isa_symbols.py "$1" || failed=true; }

if [[ $# -eq 0 ]]; then
  check_sources
  [[ -d build/dev/kernels ]] && check_objects build/dev
fi
while [[ $# -gt 0 ]]; do
  case $1 in
    --sources) check_sources; shift ;;
    --objects) check_objects "${2:?--objects needs a build folder}"; shift 2 ;;
    *) die "unknown argument: $1" ;;
  esac
done
if $failed; then die "the checks failed"; fi
say "checks passed"
