"""The same patients on several scanners, with and without batch-effect removal (Ghavami Modegh et al., 2.2).

    python -m benchmarks.batch_effect [--patients N] [--scanner NAME ...] [--size Z,Y,X] [--weights FILE]
                                      [--plot FILE] [--seed N]

Each phantom is imaged on every scanner, so that whatever differs is the scanner's. Printed for the input of
the patch networks with and without removal:

- lung grey: how far the median of the lungs differs between the scanners of one patient, in HU;
- histograms: distance (Wasserstein, in HU) between those of the lungs of one patient on two scanners;
- guessed scanners: share of scans whose scanner is that of the nearest histogram of another patient. Chance
  is one in the number of scanners: what can not be guessed can not be learned instead of disease;
- with weights, how far each probability moves between two scanners of one patient.

The weights were trained with removal. Without it they read what they never saw, so their columns say what
removal is good for in these weights, not what weights trained without it would do.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from diagnosis.labels import NOTICE
from diagnosis.phantom.phantom import CLASSES, PhantomRequest, make_phantom
from diagnosis.phantom.scanners import TRAINING_SCANNERS, UNSEEN_SCANNERS
from diagnosis.preprocessing.batch_effect import SCALE_HU
from diagnosis.systems.interface import Case
from diagnosis.systems.patchwise.evaluation import read_scan
from diagnosis.systems.patchwise.preprocessing import GREYS, network_input
from diagnosis.systems.patchwise.reading import Reader, reader_of
from diagnosis.systems.patchwise.spec import WEIGHTS
from diagnosis.systems.patchwise.training import SMALL_SIZE
from diagnosis.weight_files import shipped

PATIENTS = 6
SIZE = "64,256,256"
WAYS = {"with removal": True, "without": False}
"""Whether the batch effect is removed."""
HU_PER_GREY = SCALE_HU / GREYS
_BELOW_HU = 1200
"""Histograms are drawn up to that many HU above air: everything in a lung."""

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scan:
    """One patient on one scanner, read one way. ``lungs``: share of lung pixels of each grey, ``[256]``."""

    patient: int
    scanner: str
    lungs: Counts
    probabilities: Mapping[str, float]


def main() -> None:
    """Image, read, print a row per measure and draw the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--scanner", nargs="+", default=[*TRAINING_SCANNERS[:2], *UNSEEN_SCANNERS[:2]])
    parser.add_argument("--size", default=SIZE, metavar="Z,Y,X")
    parser.add_argument("--weights", type=Path, default=shipped(WEIGHTS))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--seed", type=int, default=70_000)
    chosen = parser.parse_args()

    reader = None if chosen.weights is None else reader_of(chosen.weights)
    z, y, x = map(int, chosen.size.split(","))
    scans: dict[str, list[Scan]] = {way: [] for way in WAYS}
    kinds = list(CLASSES)
    for patient in range(chosen.patients):
        for scanner in chosen.scanner:
            request = PhantomRequest(
                chosen.seed + patient, kinds[patient % len(kinds)], scanner=scanner, shape=(z, y, x)
            )
            phantom = make_phantom(request)
            case = Case(phantom.volume, phantom.lungs)
            for way, removed in WAYS.items():
                scans[way].append(seen(case, patient, scanner, reader, removed=removed))
            print(f"patient {patient + 1} on {scanner}", flush=True)
    print(f"\n{'':<44}" + "".join(f"{way:>16}" for way in scans))
    for name, values in measures(scans).items():
        print(f"{name:<44}" + "".join(f"{value:>16.3f}" for value in values))
    print(f"{'chance':<44}{1 / len(chosen.scanner):>16.3f}")
    if chosen.plot:
        plot(scans, chosen.plot)


def seen(case: Case, patient: int, scanner: str, reader: Reader | None, *, removed: bool) -> Scan:
    """Return what the networks see of a scan, and what they say of it where there are weights."""
    size = replace(SMALL_SIZE if reader is None else reader.configuration.size, batch_effect_removed=removed)
    image = network_input(case.volume, case.lungs, size).image
    counts = np.bincount(image[0][image[1] > 0], minlength=GREYS + 1).astype(np.float64)
    found: Mapping[str, float] = {}
    if reader is not None:
        changed = replace(reader, configuration=replace(reader.configuration, size=size))
        found, _ = read_scan(changed, case)
    return Scan(patient, scanner, counts / counts.sum(), found)


def measures(scans: Mapping[str, Sequence[Scan]]) -> dict[str, list[float]]:
    """Return the rows of the table: a value for each way."""
    ways = list(scans.values())
    keys = list(ways[0][0].probabilities)
    return {
        "lung grey: mean range of a patient, HU": [_grey_range(way) for way in ways],
        "histograms of a patient: mean distance, HU": [_distance(way) for way in ways],
        "guessed scanners": [guessed_scanners(way) for way in ways],
        **{f"{key}: median change": [float(np.median(changes(way, key))) for way in ways] for key in keys},
        **{f"{key}: largest change": [float(changes(way, key).max()) for way in ways] for key in keys},
    }


def changes(scans: Sequence[Scan], key: str) -> Counts:
    """Return how far a probability moves between each two scanners of each patient."""
    moved = [abs(one.probabilities[key] - other.probabilities[key]) for one, other in _pairs(scans)]
    return np.array(moved)


def guessed_scanners(scans: Sequence[Scan]) -> float:
    """Return how often the nearest histogram of another patient comes from the same scanner."""
    right = 0
    for one in scans:
        others = [other for other in scans if other.patient != one.patient]
        nearest = min(others, key=lambda other: _apart(one.lungs, other.lungs))
        right += nearest.scanner == one.scanner
    return right / len(scans)


def _grey_range(scans: Sequence[Scan]) -> float:
    medians: dict[int, list[int]] = {}
    for one in scans:
        medians.setdefault(one.patient, []).append(int(np.searchsorted(one.lungs.cumsum(), 0.5)))
    return float(np.mean([max(of) - min(of) for of in medians.values()])) * HU_PER_GREY


def _distance(scans: Sequence[Scan]) -> float:
    return float(np.mean([_apart(one.lungs, other.lungs) for one, other in _pairs(scans)])) * HU_PER_GREY


def _apart(one: Counts, other: Counts) -> float:
    greys = np.arange(len(one))
    return float(stats.wasserstein_distance(greys, greys, one, other))


def _pairs(scans: Sequence[Scan]) -> list[tuple[Scan, Scan]]:
    """Each two scans of one patient."""
    return [(one, other) for one, other in combinations(scans, 2) if one.patient == other.patient]


def plot(scans: Mapping[str, Sequence[Scan]], path: Path) -> None:
    """Draw a PNG: histograms of the lungs by scanner for each way, and probabilities where there are any."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    key = next(iter(next(iter(scans.values()))[0].probabilities), None)
    figure = Figure(figsize=(14 if key else 9.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3 if key else 2)
    for axes, (way, of_way) in zip(panels, scans.items(), strict=False):
        scanners = list(dict.fromkeys(one.scanner for one in of_way))
        for scanner in scanners:
            mean = np.mean([one.lungs for one in of_way if one.scanner == scanner], axis=0)
            axes.plot(np.arange(len(mean)) * HU_PER_GREY, mean, label=scanner, linewidth=1.2)
        axes.set(xlim=(0, _BELOW_HU), xlabel="HU above air", ylabel="share of the lungs", title=way)
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    if key:
        for place, (way, of_way) in enumerate(scans.items()):
            for patient in sorted({one.patient for one in of_way}):
                found = [one.probabilities[key] for one in of_way if one.patient == patient]
                across = patient + 0.18 * (2 * place - 1)
                label = way if patient == 0 else None
                panels[2].plot([across] * len(found), found, color=f"C{place}", marker="o", label=label)
        panels[2].set(xlabel="patient", ylabel=f"P({key})", ylim=(-0.02, 1.02), title="one mark per scanner")
        panels[2].legend(fontsize=7)
        panels[2].grid(alpha=0.3)
    figure.suptitle(f"The same patients on {len(scanners)} scanners. {NOTICE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
