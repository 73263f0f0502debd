"""What a system brings to its evaluation. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from diagnosis.evaluation.predictions import Prediction
from diagnosis.evaluation.report_tables import Table
from diagnosis.systems.interface import Case
from diagnosis.volume import LabelArray


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in one study: probabilities by key, and numbers of the system's own by name."""

    probabilities: Mapping[str, float]
    findings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnReport:
    """A part of the report that only this system has: ``content`` goes into the JSON under ``name``."""

    name: str
    content: Mapping[str, Any]
    tables: Sequence[Table]


class Evaluator(Protocol):
    """A system with given weights, made from their path.

    ``operating_points`` holds the threshold of every probability key, ``findings`` names what ``read`` may
    find besides probabilities.
    """

    operating_points: Mapping[str, float]
    findings: Sequence[str]

    def read(self, case: Case, lesions: LabelArray | None) -> Reading:
        """Read one study.

        ``lesions`` are the true ones on the series grid (outline values), whatever the study's class, which
        ``own_report`` knows; None where they are not known.
        """
        ...

    def own_report(self, predictions: Sequence[Prediction]) -> OwnReport | None:
        """Return what the findings of all studies add up to; None when they say nothing."""
        ...
