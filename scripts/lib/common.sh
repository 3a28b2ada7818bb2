# Sourced by the scripts: messages, packages, number of jobs.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# One compiler of a template-heavy file takes over a gigabyte: no more jobs than memory allows.
jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
  echo $((memory < 1 ? 1 : memory < cores ? memory : cores))
}

# need_packages KIND...: installs what is missing of lib/packages, as root or through sudo; else names it.
need_packages() {
  command -v dpkg-query > /dev/null || { say "no dpkg here: make sure the packages of scripts/lib/packages are present"; return 0; }
  local missing=() kind package
  while read -r kind package; do
    [[ " $* " == *" $kind "* ]] || continue
    dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
  done < <(grep -v '^#' "$root/scripts/lib/packages")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  local apt=(apt-get)
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo > /dev/null && sudo -n true 2> /dev/null || [[ -t 0 && -x $(command -v sudo || true) ]] ||
      die "these packages are missing, and only root may install them: ${missing[*]}
       run: apt-get install ${missing[*]}"
    apt=(sudo apt-get)
  fi
  say "installing packages: ${missing[*]}"
  "${apt[@]}" update -q >&2 || say "apt-get update failed; trying with what is known"
  DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -q -y --no-install-recommends "${missing[@]}" >&2 ||
    die "apt-get could not install: ${missing[*]}"
}
