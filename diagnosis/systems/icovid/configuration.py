"""What the header of icovid's weights says: which network they fit, and how its answers are read."""

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
    number_in,
    scale_in,
    whole_in,
)
from diagnosis.systems.icovid.cvae import Prior
from diagnosis.systems.icovid.network import Side
from diagnosis.systems.icovid.preprocessing import InputSize
from diagnosis.systems.icovid.spec import LESION_RELEVANCE, LUNG_RELEVANCE, SPEC
from diagnosis.weight_files import Header, bad

AUTOENCODER = "cvae"
"""What ``network`` says in the ``config`` of its weights; those of a classifier do not have it."""
_CELL = 8
"""Pixels per cell of the autoencoder's smallest map: the side of a slice is a multiple of it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The network (``side`` information, grids of the pyramid ``spp``), its input, the probability from which
    on it predicts COVID-19, and the scale of each map by its kind."""

    side: Side
    spp: tuple[int, ...]
    size: InputSize
    operating_point: float
    scales: Mapping[str, Scale]


@dataclass(frozen=True, slots=True)
class AutoencoderConfiguration:
    """The autoencoder (``side`` information, ``prior`` of its latent variables) and its input."""

    side: Side
    prior: Prior
    size: InputSize


def maps_of(side: Side) -> tuple[str, ...]:
    """Return the kinds of maps that a network with this side information has."""
    return (LUNG_RELEVANCE,) if side == "none" else (LUNG_RELEVANCE, LESION_RELEVANCE)


def configuration_of(path: Path, header: Header) -> Configuration:
    """Return what the ``config`` of a header says.

    Raises RefusedInput (code ``bad_weights``) for weights of another system, and when a value is missing or
    can not be.
    """
    with config_in(path, header, SPEC.name) as config:
        side = _side(config)
        return Configuration(
            side=side,
            spp=_spp(config),
            size=_size(group_in(config, "input")),
            operating_point=number_in(config, "operating_point", most=1.0),
            scales={kind: scale_in(config, kind) for kind in maps_of(side)},
        )


def autoencoder_configuration_of(path: Path, header: Header) -> AutoencoderConfiguration:
    """Return what the ``config`` of a header says of an autoencoder.

    Raises RefusedInput (code ``bad_weights``) for weights of another system or of the classifier, and when a
    value is missing or can not be.
    """
    with config_in(path, header, SPEC.name) as config:
        if config.get("network") != AUTOENCODER:
            raise bad(path, "they are not weights of the network cvae")
        if config.get("prior") not in get_args(Prior):
            raise UnusableValue("prior")
        return AutoencoderConfiguration(
            _side(config), cast(Prior, config["prior"]), _size(group_in(config, "input"))
        )


def _side(config: Mapping[str, Any]) -> Side:
    if config.get("side_information") not in get_args(Side):
        raise UnusableValue("side_information")
    return cast(Side, config["side_information"])


def _spp(config: Mapping[str, Any]) -> tuple[int, ...]:
    found = config.get("spp")
    if (
        not isinstance(found, list)
        or not found
        or any(type(cells) is not int or cells < 1 for cells in found)
    ):
        raise UnusableValue("spp")
    return tuple(found)


def _size(given: Mapping[str, Any]) -> InputSize:
    side, slice_mm = whole_in(given, "side"), number_in(given, "slice_mm")
    if side % _CELL:
        raise UnusableValue("side")
    if slice_mm == 0.0:
        raise UnusableValue("slice_mm")
    return InputSize(side, slice_mm)
