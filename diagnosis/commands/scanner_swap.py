"""The same phantom on another scanner: how far does the probability move?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diagnosis.evaluation.intervals import Rate, rate
from diagnosis.evaluation.predictions import Prediction
from diagnosis.evaluation.report_tables import Table, number, share
from diagnosis.geometry import RefusedInput
from diagnosis.phantom.phantom import CLASSES, VERSION, Phantom, PhantomRequest, make_phantom
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.scanners import TRAINING_SCANNERS, UNSEEN_SCANNERS
from diagnosis.training.labelled import LabelledVolume

_PERCENTILE = 95


@dataclass(frozen=True, slots=True)
class SwapReport:
    """How |change of the probability| is distributed over phantoms imaged twice.

    ``changed_decisions``: how many stand on the other side of the weights' threshold afterwards.
    """

    n: int
    median: float
    percentile_95: float
    changed_decisions: Rate | None


def swappable(volumes: Sequence[LabelledVolume], count: int) -> list[LabelledVolume]:
    """Return ``count`` phantoms at even distances of the list (all when there are fewer).

    Raises RefusedInput (code ``no_swap``) when none is a phantom, or some are of another version: their
    second image would show another chest.
    """
    phantoms = [volume for volume in volumes if isinstance(volume.provenance.get("phantom"), int)]
    versions = {str(volume.provenance.get("version")) for volume in phantoms}
    if not phantoms:
        raise RefusedInput("no_swap", "There are no phantoms to image on another scanner. Leave --swap out.")
    if versions != {VERSION}:
        others = ", ".join(sorted(versions - {VERSION}))
        raise RefusedInput(
            "no_swap",
            f"These phantoms are of version {others}, and only those of version {VERSION} can be imaged "
            "again. Leave --swap out.",
        )
    places = np.linspace(0, len(phantoms) - 1, min(count, len(phantoms))).round().astype(int)
    return [phantoms[place] for place in places]


def other_scanner(volume: LabelledVolume) -> str:
    """Return a named scanner for training or evaluation, not the phantom's own, for ever the same."""
    names = [name for name in (*TRAINING_SCANNERS, *UNSEEN_SCANNERS) if name != volume.provenance["scanner"]]
    return names[int(Randomness(volume.provenance["phantom"], "scanner swap").numpy.integers(len(names)))]


def imaged_on(volume: LabelledVolume, scanner: str) -> Phantom:
    """Return the phantom of a labelled study, with its disease of that day, on a scanner."""
    given = volume.provenance
    request = PhantomRequest(
        seed=given["phantom"], kind=next(kind for kind, name in CLASSES.items() if name == volume.class_name),
        severity=given["severity"], day=given["day"], scanner=scanner, shape=volume.shape,
    )  # fmt: skip
    return make_phantom(request)


def swap_report(
    before: Mapping[str, Prediction], after: Mapping[str, Prediction], key: str, threshold: float
) -> SwapReport | None:
    """Compare one probability before and after, by study; None without a study."""
    pairs = np.array([
        (before[study].probabilities[key], found.probabilities[key]) for study, found in after.items()
    ])  # fmt: skip
    if not len(pairs):
        return None
    changes = np.abs(pairs[:, 1] - pairs[:, 0])
    changed = int(((pairs >= threshold).sum(axis=1) == 1).sum())
    return SwapReport(
        n=len(changes),
        median=float(np.median(changes)),
        percentile_95=float(np.percentile(changes, _PERCENTILE)),
        changed_decisions=rate(changed, len(changes)),
    )


def swap_table(reports: Mapping[str, SwapReport]) -> Table:
    """Return the reports as a table."""
    rows = [
        (key, str(found.n), number(found.median), number(found.percentile_95), share(found.changed_decisions))
        for key, found in reports.items()
    ]
    note = "Absolute change of the probability when the same phantom is imaged on another scanner."
    columns = ("probability", "phantoms", "median", "95th percentile", "changed decisions")
    return Table("Scanner swap", columns, rows, note)
