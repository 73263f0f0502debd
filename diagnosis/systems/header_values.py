"""Values in the header of a system's weights, read with care: what is missing or can not be is named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnosis.weight_files import Header, bad, foreign


@dataclass(frozen=True, slots=True)
class Scale:
    """The raw value of a map that is shown as 1.0, and its threshold on that 0..1 scale."""

    reference: float
    threshold: float


class UnusableValue(Exception):
    """A value that is missing or no such value; the message names it."""


@contextmanager
def config_in(path: Path, header: Header, system: str) -> Iterator[Mapping[str, Any]]:
    """Give the ``config`` of a header for reading.

    Raises RefusedInput (code ``bad_weights``) for weights of another system, and for an UnusableValue while
    reading.
    """
    if header["system"] != system:
        raise foreign(path, header["system"], system)
    try:
        yield header.get("config", {})
    except UnusableValue as missing:
        raise bad(path, f"their header has no usable {missing}") from missing


def heatmap_key(class_name: str, kind: str) -> str:
    """Return the key, among the ``heatmaps`` of a header, of a map of one of several classes: "CAP joint"."""
    return f"{class_name} {kind}"


def slice_step_in(given: Mapping[str, Any]) -> float | None:
    """Return the slice step ``slice_mm`` of an input in mm, None for every slice. Raises UnusableValue."""
    step = None if given.get("slice_mm") is None else number_in(given, "slice_mm")
    if step == 0.0:
        raise UnusableValue("slice_mm")
    return step


def scale_in(config: Mapping[str, Any], kind: str) -> Scale:
    """Return the scale of a kind of map among the ``heatmaps`` of a ``config``. Raises UnusableValue."""
    given = group_in(group_in(config, "heatmaps"), kind)
    reference = number_in(given, "reference")
    if reference == 0.0:
        raise UnusableValue(f"reference of {kind}")
    return Scale(reference, number_in(given, "threshold", most=1.0))


def group_in(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return values that have a name of their own. Raises UnusableValue."""
    found = values.get(name)
    if not isinstance(found, dict):
        raise UnusableValue(name)
    return found


def number_in(values: Mapping[str, Any], name: str, most: float = math.inf) -> float:
    """Return a finite number from 0 to ``most``. Raises UnusableValue."""
    found = values.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise UnusableValue(name)
    if not 0.0 <= found <= most or math.isinf(found):
        raise UnusableValue(name)
    return float(found)


def whole_in(values: Mapping[str, Any], name: str) -> int:
    """Return a whole number from 1 on. Raises UnusableValue."""
    found = number_in(values, name)
    if found < 1 or found != int(found):
        raise UnusableValue(name)
    return int(found)
