#!/usr/bin/env bash
# Makes .venv with all Python packages and builds the frontend. Does nothing when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "lungsight: $1" >&2; exit 1; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "Python is missing. Install Python 3.11 or newer, then try again."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "$("$python" --version) is too old. Install Python 3.11 or newer, or name one: PYTHON=python3.12 make install."

fingerprint() { cat "$@" | sha256sum | cut -c1-64; }

wanted=$(fingerprint pyproject.toml constraints.txt)
if [ "$(cat .venv/installed 2>/dev/null)" != "$wanted" ]; then
    echo "Installing Python packages into .venv"
    "$python" -m venv .venv || fail "The virtual environment could not be made. On Debian: apt-get install python3-venv."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[run,train,test]' \
        || fail "Python packages could not be installed. Look at the lines above; is there a network?"
    echo "$wanted" > .venv/installed
fi

# The system's Node where it is new enough for Vite, else the one that comes as a Python wheel.
node_folder=$(.venv/bin/python scripts/node_path.py)
export PATH="$node_folder:$PATH"

wanted=$(fingerprint frontend/package-lock.json)
if [ "$(cat frontend/node_modules/.installed 2>/dev/null)" != "$wanted" ]; then
    echo "Installing Node packages"
    (cd frontend && npm ci --no-audit --no-fund --loglevel=error) || fail "Node packages could not be installed. Is there a network?"
    echo "$wanted" > frontend/node_modules/.installed
fi

wanted=$(find frontend -path frontend/node_modules -prune -o -path frontend/dist -prune -o -type f -print0 | sort -z | xargs -0 cat | sha256sum | cut -c1-64)
if [ "$(cat frontend/dist/.built 2>/dev/null)" != "$wanted" ]; then
    echo "Building the frontend"
    (cd frontend && npm run --silent build -- --logLevel error) || fail "The frontend could not be built."
    echo "$wanted" > frontend/dist/.built
fi
