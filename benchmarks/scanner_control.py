"""Negative control: how well classes are told from what shows the scanner alone, with no look at the lungs.

    python -m benchmarks.scanner_control --labels DIR [--folds N] [--cache DIR]

In Hu et al., 2020, COVID-19 was scanned on two scanners and everything else on a third: a classifier may have
learned scanners. So a random forest is given voxel sizes, padding, the air around the patient, and noise (its
size and its correlation between neighbours) in tissue far from the lungs, nothing of what a reader would look
at, and is asked for the class in patient-wise cross-validation. Twice:

independent   all studies of the label folder with one of the three classes. Phantoms draw scanner and class
              independently: the forest must be at chance, and what a classifier can beyond that it has not
              learned from scanners. "shuffled": the same with the classes dealt anew among the studies,
              which shows how far chance reaches.
confounded    of these, those with COVID-19 from one half of the scanners and the others from the other half,
              as in the paper: the forest must be far from chance, or else the control sees no scanners and
              its first answer means nothing.

Train and validation parts only; both of them, since nothing is chosen here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold

from diagnosis.evaluation.cases import Numbers
from diagnosis.evaluation.multiclass import Classification, classification
from diagnosis.evaluation.report_tables import number
from diagnosis.geometry import RefusedInput
from diagnosis.labels import read_label_folder
from diagnosis.lungs.body import body_mask
from diagnosis.systems.multiscale.spec import CLASSES, COVID
from diagnosis.systems.study_lungs import lungs_of
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledVolume, open_labelled
from diagnosis.volume import BoolArray, CTVolume, FloatArray, LabelArray, spacing_of

FEATURES = (
    "slice step mm", "pixel mm", "field of view mm", "padding", "air median", "air 5 %", "air 95 %",
    "air noise", "tissue noise", "correlation along x", "correlation along y", "correlation along z",
    "correlation over two pixels",
)  # fmt: skip
AWAY_MM = 25.0
"""From the lungs: effusions and what else disease changes beside them stay out of sight."""
_EVERY = 5
"""Slices looked at: a pair of neighbours out of so many."""
_PADDING_HU, _AIR_HU = -1200.0, -800.0
_TISSUE_HU = (-150.0, 150.0)
_FLAT_HU = 100.0
"""Noise is read where a pixel differs by less than that from the mean around it: not at borders of organs."""
_TREES = 100
_LEAST = 50
"""Pixels that a number is read from; with fewer it is 0."""


def main() -> None:
    """Print both rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--shuffles", type=int, default=20)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    if chosen.labels is None:
        print("Not run: name a label folder with --labels.")
        return
    with TemporaryDirectory() as folder:
        cache = chosen.cache or Path(folder) / "cache"
        try:
            studies = open_labelled(chosen.labels, cache)
            patients = read_label_folder(chosen.labels).patients
        except RefusedInput as refusal:
            sys.exit(refusal.sentence)
        volumes = [
            volume for part in studies.parts.values() for volume in part if volume.class_name in CLASSES
        ]
        for name, chosen_ones in (("independent", volumes), ("confounded", confounded(volumes))):
            _print(name, control(chosen_ones, patients, cache, chosen.folds))
        by_chance = [
            control(volumes, patients, cache, chosen.folds, shuffle=seed).by_class[COVID].auc
            for seed in range(chosen.shuffles)
        ]
        areas = sorted(area.value for area in by_chance if area is not None)
        if areas:
            print(f"{'shuffled':<12} {len(areas)} times    AUC of COVID-19 {areas[0]:.3f} to {areas[-1]:.3f}")


def control(
    volumes: Sequence[LabelledVolume], patients: Mapping[str, str], cache: Path, folds: int,
    *, shuffle: int | None = None,
) -> Classification:  # fmt: skip
    """Return how well the classes of studies are told from scanner traces, each patient read unseen.

    With ``shuffle``, a seed, the classes are dealt anew among the studies first.
    """
    truth = np.array([volume.class_name for volume in volumes])
    if shuffle is not None:
        truth = np.random.default_rng(shuffle).permutation(truth)
    groups = [patients[volume.study] for volume in volumes]
    traces = np.stack([kept_traces(volume, cache) for volume in volumes])
    found = np.zeros((len(volumes), len(CLASSES)))
    splits = StratifiedGroupKFold(folds, shuffle=True, random_state=0).split(traces, truth, groups)
    for known, asked in splits:
        forest = RandomForestClassifier(
            _TREES, class_weight="balanced", min_samples_leaf=3, random_state=0
        ).fit(traces[known], truth[known])
        answers = forest.predict_proba(traces[asked])
        for column, name in enumerate(forest.classes_):
            found[asked, CLASSES.index(name)] = answers[:, column]
    return classification(truth.tolist(), found, CLASSES)


def confounded(volumes: Sequence[LabelledVolume]) -> list[LabelledVolume]:
    """Return the studies with COVID-19 from every other scanner, and the others from the rest.

    Scanners in the order of their names; every scanner drawn at random is one of its own.
    """
    names = sorted({str(volume.provenance.get("scanner")) for volume in volumes})
    ill = set(names[::2])
    return [
        volume
        for volume in volumes
        if (str(volume.provenance.get("scanner")) in ill) == (volume.class_name == COVID)
    ]


def kept_traces(volume: LabelledVolume, cache: Path) -> Numbers:
    """Return `scanner_traces` of a study, kept in ``cache``."""
    name = f"{volume.arrays[CT].path.stem}.scanner-traces-{len(FEATURES)}.npy"
    return kept(
        cache / name,
        lambda: scanner_traces(CTVolume(volume.arrays[CT].whole(), volume.affine), lungs_of(volume, cache)),
    )


def scanner_traces(volume: CTVolume, lungs: LabelArray) -> Numbers:
    """Return FEATURES of a scan: nothing from within AWAY_MM of the lungs."""
    step_mm, row_mm, pixel_mm = spacing_of(volume.affine)
    picked = np.arange(0, max(1, volume.shape[0] - 1), _EVERY)
    hu = volume.hu[picked].astype(np.float32)
    above = volume.hu[np.minimum(picked + 1, volume.shape[0] - 1)].astype(np.float32)
    body = body_mask(hu, (step_mm * _EVERY, row_mm, pixel_mm))
    away = _away(lungs, picked, (row_mm, pixel_mm))
    padding, air = hu < _PADDING_HU, ~body & away & (hu >= _PADDING_HU) & (hu < _AIR_HU)
    noise, noise_above = _residual(hu), _residual(above)
    tissue = body & away & (hu > _TISSUE_HU[0]) & (hu < _TISSUE_HU[1]) & (np.abs(noise) < _FLAT_HU)
    values = [
        step_mm, pixel_mm, pixel_mm * volume.shape[2], float(padding.mean()),
        *(_percentile(hu[air], percent) for percent in (50, 5, 95)),
        _deviation(noise[air]), _deviation(noise[tissue]),
        _correlation(noise, np.roll(noise, 1, axis=2), tissue),
        _correlation(noise, np.roll(noise, 1, axis=1), tissue),
        _correlation(noise, noise_above, tissue),
        _correlation(noise, np.roll(noise, 2, axis=2), tissue),
    ]  # fmt: skip
    return np.array(values, dtype=np.float64)


def _away(lungs: LabelArray, picked: NDArray[np.intp], pixel_mm: tuple[float, float]) -> BoolArray:
    """Pixels of the picked slices that lie far from the lungs of any slice within AWAY_MM in the plane.

    The shadow of the lungs along the patient's axis: what lies over or under them is left out too.
    """
    shadow = (lungs > 0).any(axis=0)
    if not shadow.any():
        return np.ones((len(picked), *lungs.shape[1:]), dtype=bool)
    far = ndimage.distance_transform_edt(~shadow, sampling=pixel_mm) > AWAY_MM
    return np.broadcast_to(far, (len(picked), *far.shape))


def _residual(hu: FloatArray) -> FloatArray:
    """What a pixel has beyond the mean of the 3 x 3 around it."""
    return np.asarray(hu - ndimage.uniform_filter(hu, (1, 3, 3)), dtype=np.float32)


def _percentile(values: FloatArray, percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) >= _LEAST else 0.0


def _deviation(values: FloatArray) -> float:
    return float(values.std()) if len(values) >= _LEAST else 0.0


def _correlation(values: FloatArray, others: FloatArray, where: BoolArray) -> float:
    first, second = values[where], others[where]
    if len(first) < _LEAST or not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _print(name: str, found: Classification) -> None:
    of_covid, overall = found.by_class[COVID].auc, found.overall
    cells = [
        f"{what} {'-' if one is None else number(one.value, one.interval)}"
        for what, one in (
            ("AUC of COVID-19", of_covid), ("mean AUC", overall.auc), ("accuracy", overall.accuracy),
        )
    ]  # fmt: skip
    print(f"{name:<12} {overall.n} studies  {'  '.join(cells)}")


if __name__ == "__main__":
    main()
