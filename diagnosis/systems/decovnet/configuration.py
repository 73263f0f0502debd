"""What the header of DeCoVNet's weights says: which network they fit, and how its answers are read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from diagnosis.systems.decovnet.explanation import Cam
from diagnosis.systems.decovnet.network import Head
from diagnosis.systems.decovnet.preprocessing import InputSize
from diagnosis.systems.decovnet.spec import CAM, SPEC
from diagnosis.weight_files import Header, bad, foreign


@dataclass(frozen=True, slots=True)
class Scale:
    """The raw value of a map that is shown as 1.0, and its threshold on that 0..1 scale."""

    reference: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Configuration:
    """The network (``head``, ``shrink``), its input, the probability from which on it predicts COVID-19, and
    the scale of each activation map."""

    head: Head
    shrink: int
    size: InputSize
    operating_point: float
    scales: Mapping[Cam, Scale]


class _Unusable(Exception):
    """A value that is missing or no such value; the message names it."""


def heatmap_key(cam: Cam) -> str:
    """Return the key of a map among the ``heatmaps`` of a header: "cam", "cam gradient"."""
    return CAM if cam == "released" else f"{CAM} {cam}"


def configuration_of(path: Path, header: Header) -> Configuration:
    """Return what the ``config`` of a header says.

    Raises RefusedInput (code ``bad_weights``) for weights of another system, and when a value is missing or
    can not be.
    """
    if header["system"] != SPEC.name:
        raise foreign(path, header["system"], SPEC.name)
    config = header.get("config", {})
    try:
        return Configuration(
            head=_head(config),
            shrink=_whole(config, "shrink") if "shrink" in config else 1,
            size=_size(_group(config, "input")),
            operating_point=_number(config, "operating_point", most=1.0),
            scales={cam: _scale(_group(config, "heatmaps"), heatmap_key(cam)) for cam in get_args(Cam)},
        )
    except _Unusable as missing:
        raise bad(path, f"their header has no usable {missing}") from missing


def _head(config: Mapping[str, Any]) -> Head:
    if config.get("head") not in get_args(Head):
        raise _Unusable("head")
    return cast(Head, config["head"])


def _size(given: Mapping[str, Any]) -> InputSize:
    step = None if given.get("slice_mm") is None else _number(given, "slice_mm")
    if step == 0.0:
        raise _Unusable("slice_mm")
    return InputSize(_whole(given, "height"), _whole(given, "width"), step, bool(given.get("even", False)))


def _scale(heatmaps: Mapping[str, Any], key: str) -> Scale:
    given = _group(heatmaps, key)
    reference = _number(given, "reference")
    if reference == 0.0:
        raise _Unusable(f"reference of {key}")
    return Scale(reference, _number(given, "threshold", most=1.0))


def _group(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    if not isinstance(found, dict):
        raise _Unusable(name)
    return found


def _number(values: Mapping[str, Any], name: str, most: float = math.inf) -> float:
    """A finite number from 0 to ``most``."""
    found = values.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _Unusable(name)
    if not 0.0 <= found <= most or math.isinf(found):
        raise _Unusable(name)
    return float(found)


def _whole(values: Mapping[str, Any], name: str) -> int:
    found = _number(values, name)
    if found < 1 or found != int(found):
        raise _Unusable(name)
    return int(found)
