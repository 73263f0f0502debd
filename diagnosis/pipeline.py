"""One run: lungs, lobes and lesions once, every chosen system, measures; progress, seconds and memory."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from diagnosis.document import analysis_json
from diagnosis.regions import regions_of_lesions, with_lobes
from diagnosis.results import Analysis, Heatmap, Quantification, Region, SystemResult
from diagnosis.run_clock import RunClock, StageProgress, peak_memory_mb
from diagnosis.segmentation_options import METHOD, NONE, SEGMENTATIONS
from diagnosis.segmenting import (
    STAGE_WEIGHTS,
    Segmented,
    measured_lesions,
    segment,
    segmentation_stages,
    will_be_made,
)
from diagnosis.systems.catalogue import catalogue
from diagnosis.systems.interface import Case, DiagnosisSystem, OptionSpec, SystemSpec
from diagnosis.volume import CTVolume
from diagnosis.weight_files import required

__all__ = ["analyse", "analysis_json", "chosen_options", "load_system", "peak_memory_mb", "stages"]

MEASURING_STAGE = "Measuring"
MEASURING_SYSTEM = "density"
"""The system whose volumes are the run's own quantification where no lesions were looked for."""

_SYSTEM_WEIGHT = 4.0

Options = Mapping[str, Mapping[str, str]]
ShowSystemHeatmap = Callable[[str, Heatmap, float], None]
"""Called with the name of a system and what `diagnosis.systems.interface.ShowHeatmap` takes."""


class UnknownChoice(ValueError):
    """A system or option that does not exist. The message is a sentence for the user."""


def stages(systems: Sequence[str], options: Options | None = None) -> tuple[str, ...]:
    """Return the names of the stages of a run, in order. Raises UnknownChoice."""
    settings = {owner: chosen_options(owner, (options or {}).get(owner, {})) for owner in SEGMENTATIONS}
    titles = (_spec(name).title for name in systems)
    return (*segmentation_stages(settings), *titles, MEASURING_STAGE)


def chosen_options(owner: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every option of the owner: the given ones, defaults for the rest.

    ``owner`` is a system, or ``lungs``, ``lobes`` or ``lesions``. Raises UnknownChoice.
    """
    known = {option.name: option for option in options_of(owner)}
    for name, value in given.items():
        if name not in known:
            raise UnknownChoice(f"{owner} has no option {name}. It has: {', '.join(known) or 'none'}.")
        if value not in known[name].choices:
            raise UnknownChoice(f"{owner} takes {name}={' or '.join(known[name].choices)}, not {value}.")
    return {name: given.get(name, option.default) for name, option in known.items()}


def options_of(owner: str) -> Sequence[OptionSpec]:
    """Return the options of a system, or of ``lungs``, ``lobes`` or ``lesions``. Raises UnknownChoice."""
    return SEGMENTATIONS[owner] if owner in SEGMENTATIONS else _spec(owner).options


def analyse(
    volume: CTVolume, systems: Sequence[str], options: Options, progress: StageProgress,
    show: ShowSystemHeatmap | None = None,
) -> Analysis:  # fmt: skip
    """Segment one volume, run the named systems on it and measure it.

    ``options`` maps a system, ``lungs``, ``lobes`` or ``lesions`` to its options. With no system at all
    segmentations and quantification are still made. ``show`` gets heatmaps that are still being made. Raises
    UnknownChoice before any work, RefusedInput (code ``no_lungs``) when the series shows no lungs or
    (``no_weights``, ``bad_weights``) when a chosen network can not be used, and whatever ``progress`` and
    ``show`` raise.
    """
    settings = {name: chosen_options(name, options.get(name, {})) for name in (*SEGMENTATIONS, *systems)}
    for name in systems:
        _require_needs(_spec(name), settings)
    run = RunClock(stages(systems, options), _weights(systems), progress)
    found = segment(volume, settings, run)
    case = found.case()
    results: dict[str, SystemResult] = {}
    for name in systems:
        seen = case if show is None else replace(case, show=partial(show, name))
        with run.stage(_spec(name).title):
            results[name] = _in_lobes(load_system(name).run(seen, settings[name], run.part), case)
    with run.stage(MEASURING_STAGE):
        quantification = _quantification(found, case, results, run)
        regions = _regions(found)
    return Analysis(
        volume=volume,
        lungs=found.lungs,
        quantification=quantification,
        systems=results,
        warnings=[*found.warnings, *(text for name in results for text in results[name].warnings)],
        seconds=run.seconds,
        peak_memory_mb=peak_memory_mb(),
        lobes=found.lobes,
        lesions=case.lesions,
        regions=regions,
        segmentation=found.names,
    )


def load_system(name: str) -> DiagnosisSystem:
    """Return the system with its implementation loaded. Raises UnknownChoice."""
    made = pkgutil.resolve_name(_spec(name).implementation)
    return cast(DiagnosisSystem, made())


def _spec(name: str) -> SystemSpec:
    known = catalogue()
    if name not in known:
        raise UnknownChoice(f"There is no system {name}. There are: {', '.join(known)}.")
    return known[name]


def switched_off(name: str, options: Options) -> str | None:
    """Return what says that these options leave out a segmentation the system needs; None when they do not.

    Raises UnknownChoice.
    """
    spec = _spec(name)
    for owner in spec.needs:
        if chosen_options(owner, options.get(owner, {}))[METHOD] == NONE:
            return f"{spec.title} needs {owner}: choose another {owner}.{METHOD} than {NONE}."
    return None


def _require_needs(spec: SystemSpec, settings: Options) -> None:
    """Raise what says, before any work, that a segmentation the system needs will not be made."""
    sentence = switched_off(spec.name, settings)
    if sentence is not None:
        raise UnknownChoice(sentence)
    for owner in spec.needs:
        if not will_be_made(owner, settings):
            required(owner, f"network that finds {owner}, which {spec.title} needs")


def _weights(systems: Sequence[str]) -> dict[str, float]:
    return {**STAGE_WEIGHTS, **{_spec(name).title: _SYSTEM_WEIGHT for name in systems}}


def _in_lobes(result: SystemResult, case: Case) -> SystemResult:
    """The result with the lobes of its regions, where lobes are known."""
    return result if case.lobes is None else replace(result, regions=with_lobes(result.regions, case.lobes))


def _regions(found: Segmented) -> list[Region]:
    lesions = found.lesions
    if lesions is None:
        return []
    return regions_of_lesions(
        lesions.labels, found.lungs, found.volume.affine, lobes=found.lobes, infection=lesions.infection
    )


def _quantification(
    found: Segmented, case: Case, results: Mapping[str, SystemResult], run: RunClock
) -> Quantification | None:
    """The volumes of the lesions; without lesions those of the measuring system, run for them alone when
    it was not asked for."""
    if found.lesions is not None:
        return measured_lesions(found, found.lesions)
    result = results.get(MEASURING_SYSTEM)
    if result is None:
        result = load_system(MEASURING_SYSTEM).run(case, chosen_options(MEASURING_SYSTEM, {}), run.part)
    return result.quantification
