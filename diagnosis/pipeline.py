"""One run: lungs once, every chosen system, measures; progress, seconds and memory on the way."""

from __future__ import annotations

import pkgutil
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np

from diagnosis.document import analysis_json
from diagnosis.lungs.closed import closed_lungs
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG, Analysis, Quantification, SystemResult
from diagnosis.systems.catalogue import catalogue
from diagnosis.systems.interface import Case, DiagnosisSystem, SystemSpec
from diagnosis.volume import CTVolume, LabelArray

__all__ = ["analyse", "analysis_json", "chosen_options", "load_system", "peak_memory_mb", "stages"]

StageProgress = Callable[[str, float], None]
"""Called with the stage's name and the finished part of the whole run, 0..1. May raise to stop."""

LUNGS_STAGE = "Finding the lungs"
MEASURING_STAGE = "Measuring"
MEASURING_SYSTEM = "density"
"""The system whose volumes are the run's own quantification."""

_STAGE_WEIGHTS = {LUNGS_STAGE: 4.0, MEASURING_STAGE: 1.0}
_SYSTEM_WEIGHT = 4.0


class UnknownChoice(ValueError):
    """A system or option that does not exist. The message is a sentence for the user."""


def stages(systems: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the stages of a run, in order. Raises UnknownChoice."""
    return (LUNGS_STAGE, *(_spec(name).title for name in systems), MEASURING_STAGE)


def chosen_options(system: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every option of the system: the given ones, defaults for the rest.

    Raises UnknownChoice.
    """
    known = {option.name: option for option in _spec(system).options}
    for name, value in given.items():
        if name not in known:
            raise UnknownChoice(f"{system} has no option {name}. It has: {', '.join(known) or 'none'}.")
        if value not in known[name].choices:
            raise UnknownChoice(f"{system} takes {name}={' or '.join(known[name].choices)}, not {value}.")
    return {name: given.get(name, option.default) for name, option in known.items()}


def analyse(
    volume: CTVolume,
    systems: Sequence[str],
    options: Mapping[str, Mapping[str, str]],
    progress: StageProgress,
) -> Analysis:
    """Run the named systems on one volume and measure it.

    ``options`` maps a system to its options. With no system at all lungs and quantification are still
    made. Raises UnknownChoice before any work, RefusedInput (code ``no_lungs``) when the series shows no
    lungs, and whatever ``progress`` raises.
    """
    settings = {name: chosen_options(name, options.get(name, {})) for name in systems}
    run = _Run(stages(systems), progress)
    with run.stage(LUNGS_STAGE):
        case = Case(volume, closed_lungs(volume))
    results: dict[str, SystemResult] = {}
    for name, chosen in settings.items():
        with run.stage(_spec(name).title):
            results[name] = load_system(name).run(case, chosen, run.part)
    with run.stage(MEASURING_STAGE):
        quantification = _quantification(case, results, run)
    return Analysis(
        volume=volume,
        lungs=case.lungs,
        quantification=quantification,
        systems=results,
        warnings=[
            *_lung_warnings(case.lungs),
            *(text for name in results for text in results[name].warnings),
        ],
        seconds=run.seconds,
        peak_memory_mb=peak_memory_mb(),
    )


def load_system(name: str) -> DiagnosisSystem:
    """Return the system with its implementation loaded. Raises UnknownChoice."""
    made = pkgutil.resolve_name(_spec(name).implementation)
    return cast(DiagnosisSystem, made())


def peak_memory_mb() -> float:
    """Return the largest resident size this process has had, in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1e6 if sys.platform == "darwin" else kilobytes / 1e3


class _Run:
    """Times the stages and turns the part of a stage into the part of the whole."""

    def __init__(self, names: Sequence[str], progress: StageProgress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        weights = [_STAGE_WEIGHTS.get(name, _SYSTEM_WEIGHT) for name in names]
        ends = np.cumsum(weights) / sum(weights)
        self._span = dict(zip(names, zip([0.0, *ends[:-1]], ends, strict=True), strict=True))
        self._name = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._name = name
        self.part(0.0)
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started
        self.part(1.0)

    def part(self, done: float) -> None:
        start, end = self._span[self._name]
        self._progress(self._name, float(start + (end - start) * min(max(done, 0.0), 1.0)))


def _spec(name: str) -> SystemSpec:
    known = catalogue()
    if name not in known:
        raise UnknownChoice(f"There is no system {name}. There are: {', '.join(known)}.")
    return known[name]


def _quantification(case: Case, results: Mapping[str, SystemResult], run: _Run) -> Quantification | None:
    """The volumes of the measuring system, run for them alone when it was not asked for."""
    result = results.get(MEASURING_SYSTEM)
    if result is None:
        result = load_system(MEASURING_SYSTEM).run(case, chosen_options(MEASURING_SYSTEM, {}), run.part)
    return result.quantification


def _lung_warnings(lungs: LabelArray) -> list[str]:
    sentences = [
        f"No {name} lung was found. Its volume and infected part are given as 0."
        for side, name in ((RIGHT_LUNG, "right"), (LEFT_LUNG, "left"))
        if not (lungs == side).any()
    ]
    for image, name in ((lungs[-1], "top"), (lungs[0], "bottom")):
        if image.any():
            sentences.append(f"The lungs reach the {name} slice: the scan may not show them whole.")
    return sentences
