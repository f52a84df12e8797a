# Sourced by the scripts in this folder: where things lie, and a few helpers.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PARTS=$ROOT/scripts/parts
CACHE=$ROOT/.cache # everything that is kept outside the engine; safe to delete while nothing runs
mkdir -p "$CACHE/logs"

export DOCKER_BUILDKIT=0 # a bare client has no buildx
export DEBIAN_FRONTEND=noninteractive

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# with_log NAME COMMAND...: keeps the output in .cache/logs, and shows its end only when the command fails.
with_log() {
  local log=$CACHE/logs/$1.log
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  say "failed: $*"
  say "the last lines of $log:"
  tail -n 30 "$log" >&2
  return 1
}

# need COMMAND PACKAGE...: installs Debian packages when the command is missing.
need() {
  local command=$1
  shift
  if command -v "$command" >/dev/null; then return; fi
  command -v apt-get >/dev/null || die "$command is missing, and this is no Debian: please install it"
  [ "$(id -u)" = 0 ] || die "$command is missing; as root: apt-get install $*"
  say "installing $*"
  with_log "apt-$command" sh -c '
    set -e
    apt-get update -q
    exec apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"' sh "$@"
}

# The Debian mirror this machine's own apt uses, asked from apt each time and never written down.
mirror() { apt-get indextargets --format '$(REPO_URI)' | awk '/\/debian\/?$/ { sub("/$", ""); print; exit }'; }
DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
