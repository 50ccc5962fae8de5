# What every script here shares. Sourced, never run.
# shellcheck shell=bash
set -euo pipefail
here=$PWD # where the person was

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"

# What outlives a run but may be thrown away at any time: Python environments, npm packages, cargo-deny.
cache=${SAMPLEGATE_TEST_CACHE:-$root/.cache}
[[ $cache == /* ]] || cache=$root/$cache

say() { printf '%s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Fails with one clear line naming whichever of the given tools is missing, and where to get those a newcomer lacks.
need() {
  local tool from missing=()
  for tool in "$@"; do
    case $tool in
      cargo) from=" (Rust: https://rustup.rs)" ;;
      node | npm) from=" (Node: https://nodejs.org/en/download)" ;;
      python3) from=" (on Debian: apt-get install python3)" ;;
      *) from= ;;
    esac
    have "$tool" || missing+=("$tool$from")
  done
  ((${#missing[@]} == 0)) || die "This needs ${missing[*]}, which this machine does not have, or not in its PATH."
}

# Whether version $1 is $2 or newer.
at_least() { printf '%s\n' "$2" "$1" | sort -CV; }

# Fails unless there is a cargo that can read the workspace: an older one only stumbles over some key in Cargo.toml.
need_cargo() {
  local wanted found
  need cargo
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  found=$(cargo --version)
  found=${found#cargo }
  at_least "${found%% *}" "$wanted" ||
    die "This needs Rust $wanted or newer, and $(command -v cargo) is ${found%% *}. With rustup (https://rustup.rs) run: rustup update"
}

# Fails unless there is a Node that can build the windows' pages.
need_node() {
  local found
  need node npm
  found=$(node --version)
  at_least "${found#v}" 20.19 ||
    die "Building the windows needs Node 20.19 or newer, and this is ${found#v}: see https://nodejs.org/en/download."
}

# Runs `npm ci` in a folder, unless what its lock file asks for is already there.
npm_ci() {
  local dir=$1
  if [[ ! -f $dir/node_modules/.package-lock.json || $dir/package-lock.json -nt $dir/node_modules/.package-lock.json ]]; then
    npm ci --prefix "$dir" --no-audit --no-fund --loglevel=error
  fi
}

# Where cargo puts what it builds.
target_dir() { cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'; }

# Takes up NAME=VALUE lines into the environment.
export_lines() {
  local line
  while read -r line; do [[ $line != *=* ]] || export "${line?}"; done
}
