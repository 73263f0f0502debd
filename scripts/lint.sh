#!/usr/bin/env bash
# Everything that can be told from the text alone. Runs all checks and names those that failed.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()
check() { local name=$1; shift; echo "== $name"; "$@" || failed+=("$name"); }
export PATH="$(.venv/bin/python scripts/node_path.py):$PATH"

# Types take longer than all the rest, on one core: they are checked beside it.
types=$(mktemp)
trap 'rm -f "$types"' EXIT
.venv/bin/mypy >"$types" 2>&1 &
checked=$!
types() { wait "$checked"; local status=$?; cat "$types"; return "$status"; }

check "ruff" .venv/bin/ruff check .
check "format" .venv/bin/ruff format --check .
check "import contracts" .venv/bin/lint-imports
check "templates" .venv/bin/djlint --check --lint --quiet webapp
check "migrations" .venv/bin/python manage.py makemigrations --check --dry-run
check "frontend types" npm --prefix frontend run --silent typecheck
check "types" types

if [ ${#failed[@]} -gt 0 ]; then
    printf 'Failed: %s\n' "${failed[*]}"
    exit 1
fi
