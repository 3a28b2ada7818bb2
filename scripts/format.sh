#!/usr/bin/env bash
# Formats sources by .clang-format. Arguments: files, or --all; none: those changed since HEAD.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$root"
command -v clang-format-14 > /dev/null || die "clang-format-14 is not installed"
if [[ ${1:-} == --all ]]; then
  mapfile -t files < <(git ls-files -co --exclude-standard -- '*.h' '*.cpp')
elif [[ $# -gt 0 ]]; then
  files=("$@")
else
  mapfile -t files < <({ git diff --name-only --diff-filter=d HEAD -- '*.h' '*.cpp'; git ls-files -o --exclude-standard -- '*.h' '*.cpp'; } | sort -u)
fi
[[ ${#files[@]} -eq 0 ]] || clang-format-14 -i "${files[@]}"
