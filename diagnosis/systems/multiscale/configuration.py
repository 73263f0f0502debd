"""What the header of the weights says: which network they fit, and how its answers are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from diagnosis.systems.header_values import (
    Scale,
    UnusableValue,
    config_in,
    group_in,
    heatmap_key,
    number_in,
    scale_in,
    slice_step_in,
    whole_in,
)
from diagnosis.systems.multiscale.aggregation import TOP_SHARE
from diagnosis.systems.multiscale.network import LEAST_SIDE, LEVELS
from diagnosis.systems.multiscale.preprocessing import Field, InputSize
from diagnosis.systems.multiscale.spec import CLASS_MAPS, DISEASES, JOINT, SPEC, Level
from diagnosis.weight_files import Header


@dataclass(frozen=True, slots=True)
class Configuration:
    """The ``levels`` of the network, its input, the operating point of each disease (NP is what is left) and
    the scale of each map by class and kind.

    ``top_share`` is the part of the slices that speaks for a patient, the usual one where the header names
    none.
    """

    levels: tuple[Level, ...]
    size: InputSize
    operating_points: Mapping[str, float]
    scales: Mapping[tuple[str, str], Scale]
    top_share: float = TOP_SHARE


def configuration_of(path: Path, header: Header) -> Configuration:
    """Return what the ``config`` of a header says.

    Raises RefusedInput (code ``bad_weights``) for weights of another system, and when a value is missing or
    can not be.
    """
    with config_in(path, header, SPEC.name) as config:
        levels = _levels(config)
        points = group_in(config, "operating_points")
        kinds = [*(CLASS_MAPS[level] for level in levels), JOINT]
        return Configuration(
            levels=levels,
            size=_size(group_in(config, "input")),
            operating_points={name: number_in(points, name, most=1.0) for name in DISEASES},
            scales={
                (name, kind): scale_in(config, heatmap_key(name, kind)) for name in DISEASES for kind in kinds
            },
            top_share=_share(config),
        )


def _levels(config: Mapping[str, Any]) -> tuple[Level, ...]:
    found = config.get("levels")
    if not isinstance(found, list) or not found or any(level not in LEVELS for level in found):
        raise UnusableValue("levels")
    return tuple(cast(Level, level) for level in sorted(set(found)))


def _share(config: Mapping[str, Any]) -> float:
    found = number_in(config, "top_share", most=1.0) if "top_share" in config else TOP_SHARE
    if found == 0.0:
        raise UnusableValue("top_share")
    return found


def _size(given: Mapping[str, Any]) -> InputSize:
    step = slice_step_in(given)
    height, width = whole_in(given, "height"), whole_in(given, "width")
    if min(height, width) < LEAST_SIDE:
        raise UnusableValue("height or width")
    if given.get("field") not in get_args(Field):
        raise UnusableValue("field")
    return InputSize(height, width, step, cast(Field, given["field"]))
