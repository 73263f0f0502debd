"""The record of a run: one JSON object a line, cut back to the checkpoint when a run is resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Record:
    """Appends to ``metrics.jsonl``. Lines hold ``step`` and either loss parts or ``validation``."""

    def __init__(self, path: Path, after_step: int) -> None:
        """Keep the lines up to ``after_step``: later ones belong to steps that will run again."""
        self.path = path
        kept = [line for line in read_record(path) if line["step"] <= after_step] if path.is_file() else []
        path.write_text("".join(f"{json.dumps(line)}\n" for line in kept), "utf-8")

    def add(self, step: int, content: Mapping[str, Any]) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **content}) + "\n")


def read_record(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a record; the last one is left out when a killed run did not finish it."""
    lines = []
    for text in path.read_text("utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines
