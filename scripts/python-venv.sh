#!/usr/bin/env bash
# Makes .cache/venv with what test/requirements.txt pins, for the tests that read tables with programs that are not ours.
# Does nothing where it is there already; a changed requirements file makes it anew. Safe to run twice at a time.
set -euo pipefail

cd "$(dirname "$0")/.."
venv=.cache/venv
stamp="$venv/requirements.txt"

if [[ -x "$venv/bin/python" ]] && cmp -s test/requirements.txt "$stamp"; then
  exit 0
fi

fail() {
  printf 'python-venv: %s\n' "$1" >&2
  exit 1
}

command -v python3 >/dev/null 2>&1 ||
  fail 'python3 was not found; the table tests read with it. Install it (apt-get install python3 python3-venv, or brew install python3) and run scripts/python-venv.sh again.'

mkdir -p .cache
staging=$(mktemp -d .cache/venv-XXXXXX)
trap 'rm -rf "$staging"' EXIT

python3 -m venv --copies --without-pip "$staging/probe" >/dev/null 2>&1 ||
  fail '`python3 -m venv` failed; install the venv module (apt-get install python3-venv) and run scripts/python-venv.sh again.'

# Built under its final name, since a virtual environment cannot be moved; the stamp comes last and says that it is whole.
exec 9>.cache/venv.lock
if command -v flock >/dev/null 2>&1; then flock 9; fi
if [[ -x "$venv/bin/python" ]] && cmp -s test/requirements.txt "$stamp"; then
  exit 0
fi
rm -rf "$venv"
python3 -m venv "$venv" ||
  fail "python3 -m venv $venv failed; see above (on Debian: apt-get install python3-venv)."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement test/requirements.txt ||
  fail "pip install -r test/requirements.txt failed; see above. Check the network or pip's index settings and run scripts/python-venv.sh again."
cp test/requirements.txt "$stamp"
