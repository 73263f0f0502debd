#!/usr/bin/env bash
# Runs the benchmarks one after the other; docs/benchmarks.md says what the figures mean.
set -euo pipefail
cd "$(dirname "$0")/.."
for benchmark in benchmarks/[a-z]*.py; do
    name=$(basename "$benchmark" .py)
    echo "== $name"
    .venv/bin/python -m "benchmarks.$name"
done
