#!/usr/bin/env bash
# Browser tests in Chromium, on the real stack. Screenshots are kept in test-artefacts/.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v chromium >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing Chromium"
        apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
    else
        echo "lungsight: Chromium is missing, so the browser tests cannot run. On Debian: apt-get install chromium." >&2
        exit 1
    fi
fi
echo "== browser tests"
.venv/bin/python -m pytest tests/e2e -m e2e
