"""What the header of the patch networks' weights says: which networks they fit, and how answers are read."""

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
from diagnosis.systems.patchwise.network import MULTIPLE, Pooling
from diagnosis.systems.patchwise.preprocessing import InputSize, Lungs
from diagnosis.systems.patchwise.spec import PROBABILITIES, SPEC
from diagnosis.weight_files import Header


@dataclass(frozen=True, slots=True)
class Configuration:
    """The networks (``third_block``, ``pooling``) and their input, the value from which on each probability
    predicts its class, and the scale of each map by (class, kind)."""

    third_block: int
    pooling: Pooling
    size: InputSize
    operating_points: Mapping[str, float]
    scales: Mapping[tuple[str, str], Scale]


def configuration_of(path: Path, header: Header) -> Configuration:
    """Return what the ``config`` of a header says.

    Raises RefusedInput (code ``bad_weights``) for weights of another system, and when a value is missing or
    can not be.
    """
    with config_in(path, header, SPEC.name) as config:
        points = group_in(config, "operating_points")
        return Configuration(
            third_block=whole_in(config, "third_block"),
            pooling=_pooling(config),
            size=_size(group_in(config, "input")),
            operating_points={key: number_in(points, key, most=1.0) for key in PROBABILITIES},
            scales={shown: scale_in(config, heatmap_key(*shown)) for shown in SPEC.heatmaps},
        )


def _pooling(config: Mapping[str, Any]) -> Pooling:
    if config.get("pooling") not in get_args(Pooling):
        raise UnusableValue("pooling")
    return cast(Pooling, config["pooling"])


def _size(given: Mapping[str, Any]) -> InputSize:
    side = whole_in(given, "side")
    if side % MULTIPLE:
        raise UnusableValue("side")
    if given.get("lungs") not in get_args(Lungs):
        raise UnusableValue("lungs")
    step = slice_step_in(given)
    removed = given.get("batch_effect_removed", True) is not False
    return InputSize(side, cast(Lungs, given["lungs"]), step, removed)
