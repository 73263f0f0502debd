#!/usr/bin/env bash
# Linters, unit and integration tests on PostgreSQL and Valkey, a part of them on SQLite, browser tests.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$(.venv/bin/python scripts/node_path.py):$PATH"

scripts/lint.sh
echo "== frontend tests"
npm --prefix frontend run --silent test
if ! command -v dciodvfy >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing dicom3tools, which checks the phantoms' DICOM"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends dicom3tools >/dev/null
fi
echo "== tests on PostgreSQL and Valkey"
processes=${TEST_PROCESSES:-2}
.venv/bin/python -m pytest tests -m "not e2e and not faults" -n "$processes"
echo "== writers, claims, uploads, readings and killed processes on SQLite"
LUNGSIGHT_TEST_DATABASE=sqlite .venv/bin/python -m pytest tests/webapp tests/gpu_worker -m both_databases -n "$processes"
echo "== processes killed on purpose"
# A file stays with one process: its tests share a running site.
.venv/bin/python -m pytest tests -m faults -n "$processes" --dist loadfile
scripts/e2e.sh
