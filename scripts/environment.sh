# Sourced by the other scripts: finds a Python, keeps `.venv` in step with the lock files.
#
# Offers: ROOT (the checkout, also the current directory afterwards), PYTHON (the environment's
# interpreter), environment runtime|dev|fuzz (make or refresh it), fail SENTENCE, say SENTENCE.
# Only packages whose hash stands in the lock files are installed. Works with bash 3.2.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
PYTHON="$VENV/bin/python"
export PIP_DISABLE_PIP_VERSION_CHECK=1
cd "$ROOT"

say() { printf '%s\n' "$*" >&2; }

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Prints the first Python that is 3.11 or newer; prints nothing when there is none.
find_python() {
  local name
  for name in ${INTENTCAST_PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
    if command -v "$name" >/dev/null 2>&1 && is_recent "$name"; then
      command -v "$name"
      return 0
    fi
  done
}

make_venv() {
  local base version
  base="$(find_python)"
  if [ -z "$base" ]; then
    version="$(python3 -c 'import sys; print("only %d.%d" % sys.version_info[:2])' 2>/dev/null)" ||
      version="none"
    fail "intentcast needs Python 3.11 or newer and found $version: install it (Debian or Ubuntu:" \
      "apt install python3 python3-venv; macOS: brew install python@3.12) and run this again."
  fi
  version="$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  if ! "$base" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    fail "Python $version at $base cannot make environments: install its venv package (Debian or" \
      "Ubuntu: apt install python$version-venv) and run this again."
  fi
  say "Making ${VENV##*/} with Python $version ..."
  "$base" -m venv --clear "$VENV" || fail "Could not make $VENV: check free space and permissions."
}

# A change of lock, build settings or interpreter changes this line.
fingerprint() {
  "$PYTHON" - "$ROOT/pyproject.toml" "$@" <<'PY'
import hashlib, pathlib, sys
whole = hashlib.sha256(sys.version.encode() + sys.prefix.encode())
for name in sys.argv[1:]:
    whole.update(pathlib.Path(name).read_bytes())
print(whole.hexdigest())
PY
}

install() {
  "$PYTHON" -m pip install -qq --no-input "$@" || fail "Could not install the packages:" \
    "check the network connection and free space, then run this again."
}

# environment LEVEL: afterwards $PYTHON runs with the packages of LEVEL (runtime, dev or fuzz).
environment() {
  local level="$1" lock stamp want
  lock="$ROOT/scripts/requirements.txt"
  if [ "$level" != runtime ]; then lock="$ROOT/scripts/requirements-$level.txt"; fi
  stamp="$VENV/.installed-$level"
  if ! [ -x "$PYTHON" ] || ! is_recent "$PYTHON"; then make_venv; fi
  want="$(fingerprint "$lock")"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then return 0; fi
  say "Installing the $level packages into ${VENV##*/} (once; about a minute) ..."
  install --require-hashes --requirement "$lock"
  install --no-deps --no-build-isolation --editable "$ROOT"
  printf '%s\n' "$want" >"$stamp"
  # The dev lock holds all that the runtime lock holds, at the same versions.
  if [ "$level" = dev ]; then
    fingerprint "$ROOT/scripts/requirements.txt" >"$VENV/.installed-runtime"
  fi
}
