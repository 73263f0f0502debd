"""Which systems can run here, and how far their weights may be trusted. Reads headers only, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from diagnosis.geometry import RefusedInput
from diagnosis.systems.catalogue import catalogue
from diagnosis.systems.interface import SystemSpec
from diagnosis.weight_files import foreign, read_header, shipped

State = Literal["ready", "demonstration", "no weights"]
LEAST_AUC = 0.90
"""Weights that do worse than this on their own test part are for demonstration only."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a system can run, and as what.

    "demonstration": its weights were not evaluated, or reached an AUC below LEAST_AUC. ``version`` is that
    of the weights (of the rules for a system without), None without weights; ``auc`` is the area under the
    ROC curve on the test part of the weights' own labels with its 95 % interval, None where it was not
    measured. ``reason`` says why weights that are there can not be used.
    """

    state: State
    version: str | None = None
    auc: float | None = None
    reason: str | None = None
    auc_interval: tuple[float, float] | None = None

    def caution(self, title: str) -> str | None:
        """Return what must be said beside every answer of weights that are for demonstration only."""
        if self.state != "demonstration":
            return None
        measured = "was not measured" if self.auc is None else f"is only {self.auc:.2f} on their test part"
        return f"{title}: these weights are for demonstration only, their AUC {measured}."


def availability() -> dict[str, Availability]:
    """Return the availability of every system of the catalogue, by name, as the weights lie now."""
    return {name: _of(spec) for name, spec in catalogue().items()}


def runnable() -> list[str]:
    """Return the names of the systems whose weights are present, demonstration ones too."""
    return [name for name, found in availability().items() if found.state != "no weights"]


def _of(spec: SystemSpec) -> Availability:
    if spec.weights is None:
        return Availability("ready", spec.version)
    path = shipped(spec.weights)
    if path is None:
        return Availability("no weights")
    for name in spec.needs:
        if shipped(name) is None:
            return Availability("no weights", reason=f"{spec.title} needs {name} found by a network first.")
    try:
        header = read_header(path)
    except RefusedInput as refusal:
        return Availability("no weights", reason=refusal.sentence)
    if header["system"] != spec.name:
        return Availability("no weights", reason=foreign(path, header["system"], spec.name).sentence)
    return standing_of(header)


def standing_of(header: Mapping[str, Any]) -> Availability:
    """Return what weights with this header are good for."""
    auc = _auc(header)
    ready = auc is not None and auc >= LEAST_AUC
    state: State = "ready" if ready else "demonstration"
    interval = _interval(header) if auc is not None else None
    return Availability(state, header["version"], auc, auc_interval=interval)


def _auc(header: Mapping[str, Any]) -> float | None:
    found = _evaluation(header).get("auc")
    return float(found) if isinstance(found, int | float) else None


def _interval(header: Mapping[str, Any]) -> tuple[float, float] | None:
    match _evaluation(header).get("auc_interval"):
        case [int() | float() as low, int() | float() as high]:
            return float(low), float(high)
    return None


def _evaluation(header: Mapping[str, Any]) -> Mapping[str, Any]:
    found = header.get("evaluation")
    return found if isinstance(found, dict) else {}
