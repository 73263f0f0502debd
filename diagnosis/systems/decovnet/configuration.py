"""What the header of DeCoVNet's weights says: which network they fit, and how its answers are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from diagnosis.systems.decovnet.explanation import Cam
from diagnosis.systems.decovnet.network import Head
from diagnosis.systems.decovnet.preprocessing import InputSize
from diagnosis.systems.decovnet.spec import CAM, SPEC
from diagnosis.systems.header_values import (
    Scale,
    UnusableValue,
    config_in,
    group_in,
    number_in,
    scale_in,
    slice_step_in,
    whole_in,
)
from diagnosis.weight_files import Header


@dataclass(frozen=True, slots=True)
class Configuration:
    """The network (``head``, ``shrink``), its input, the probability from which on it predicts COVID-19, and
    the scale of each activation map."""

    head: Head
    shrink: int
    size: InputSize
    operating_point: float
    scales: Mapping[Cam, Scale]


def heatmap_key(cam: Cam) -> str:
    """Return the key of a map among the ``heatmaps`` of a header: "cam", "cam gradient"."""
    return CAM if cam == "released" else f"{CAM} {cam}"


def configuration_of(path: Path, header: Header) -> Configuration:
    """Return what the ``config`` of a header says.

    Raises RefusedInput (code ``bad_weights``) for weights of another system, and when a value is missing or
    can not be.
    """
    with config_in(path, header, SPEC.name) as config:
        return Configuration(
            head=_head(config),
            shrink=whole_in(config, "shrink") if "shrink" in config else 1,
            size=_size(group_in(config, "input")),
            operating_point=number_in(config, "operating_point", most=1.0),
            scales={cam: scale_in(config, heatmap_key(cam)) for cam in get_args(Cam)},
        )


def _head(config: Mapping[str, Any]) -> Head:
    if config.get("head") not in get_args(Head):
        raise UnusableValue("head")
    return cast(Head, config["head"])


def _size(given: Mapping[str, Any]) -> InputSize:
    step = slice_step_in(given)
    height, width = whole_in(given, "height"), whole_in(given, "width")
    return InputSize(height, width, step, bool(given.get("even", False)))
