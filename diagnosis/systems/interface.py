"""What a diagnosis system is. Torch-free: the site reads the specs, only workers run the systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from diagnosis.results import Heatmap, SystemResult
from diagnosis.volume import CTVolume, LabelArray

Progress = Callable[[float], None]
"""Called with the finished part of a stage, 0..1. May raise to stop the work."""
ShowHeatmap = Callable[[Heatmap, float], None]
"""Called with a heatmap as far as it is made, and the finished part of it, 0..1. May raise to stop the
work."""
Evidence = Literal["ml", "probability", "share"]
"""What a system's ``slice_evidence`` is: infected or evident millilitres of the slice, the slice's own
probability of COVID-19, or its share of what speaks for COVID-19 in the whole scan."""


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """One choice a user has when running a system."""

    name: str
    choices: Sequence[str]
    default: str
    help: str


@dataclass(frozen=True, slots=True)
class SystemSpec:
    """What the site and the command line know of a system without loading it.

    ``heatmaps`` lists (class, kind) pairs; ``probabilities`` the keys it reports, none for a system that
    only measures. ``implementation`` is ``package.module:Class`` and is imported by the pipeline only.
    ``reads`` says in one phrase for people what the system looks at. ``weights`` names the weights it can not
    run without, None for fixed rules; ``needs`` the segmentations besides lungs that it can not run without
    (``lesions``). ``measures``: it gives a quantification of its own. ``evidence`` says what its
    ``slice_evidence`` is.
    """

    name: str
    title: str
    version: str
    paper: str
    heatmaps: Sequence[tuple[str, str]]
    probabilities: Sequence[str]
    options: Sequence[OptionSpec]
    implementation: str
    reads: str = ""
    weights: str | None = None
    needs: Sequence[str] = ()
    measures: bool = False
    evidence: Evidence = "ml"


def unseen(heatmap: Heatmap, done: float) -> None:
    """Show an unfinished heatmap to nobody."""


@dataclass(frozen=True, slots=True)
class Case:
    """What every system gets: the volume and the shared label volumes, uint8 ``[z, y, x]``.

    ``lungs`` holds 1 right, 2 left; ``lobes`` and ``lesions`` the values of LOBES and LESIONS in
    `diagnosis.results`, None when they were not looked for. ``show`` takes a heatmap whose making is slow
    while it is made.
    """

    volume: CTVolume
    lungs: LabelArray
    lobes: LabelArray | None = None
    lesions: LabelArray | None = None
    show: ShowHeatmap = unseen


class DiagnosisSystem(Protocol):
    """A published method that reads one case."""

    spec: SystemSpec

    def run(self, case: Case, options: Mapping[str, str], progress: Progress) -> SystemResult:
        """Analyse one case. ``options`` holds a value for every OptionSpec of the spec."""
        ...
