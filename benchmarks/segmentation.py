"""Lungs, lobes, lesions and infected % against what is known: phantoms with voxel truth, and real CTs.

    python -m benchmarks.segmentation [--labels DIR] [--studies N]

``--labels``: a label folder of phantoms; its test split is used, ``--studies`` of it at most. With
LUNGSIGHT_SAMPLE_DATA set, the real series too: infected % and, where radiologists labelled the slices, the
area under the ROC curve of the slice evidence; Dice of the lungs where there are masks. All through the
public pipeline, so whatever weights are present decide. Dice is the mean over the studies that hold the
thing, and pooled over the voxels of all; voxels to ignore count nowhere. Peak memory is that of the process
while the stage ran.

Phantoms are not patients, and the real scans are few: an acceptance check, no claim of accuracy.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from diagnosis.dicom.reader import read_folder
from diagnosis.evaluation.agreement import limits_of_agreement
from diagnosis.evaluation.cases import Counts
from diagnosis.evaluation.conformal import coverage
from diagnosis.evaluation.overlap import joint_counts, overlap_of, overlap_of_masks
from diagnosis.evaluation.roc import roc_curve
from diagnosis.evaluation.surfaces import surface_distances
from diagnosis.labels import LabelFolder, StudyLabel, read_label_folder
from diagnosis.nifti import read_ct
from diagnosis.pipeline import analyse
from diagnosis.results import INFECTED_VALUES, LESIONS, LOBES, Analysis, Quantification
from diagnosis.volume import CTVolume, LabelArray

STATUS, CLEAR_REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""Written to clear_refs, it sets the peak resident size back to the present one (Linux, proc(5))."""

LUNGS: Mapping[str, Sequence[int]] = {"lungs": (1, 2), "right lung": (1,), "left lung": (2,)}
LOBE_VALUES: Mapping[str, Sequence[int]] = {name: (value,) for value, name in LOBES.items()}
LESION_VALUES: Mapping[str, Sequence[int]] = {
    "infected": INFECTED_VALUES,
    **{name: (value,) for value, name in LESIONS.items()},
}


def main() -> None:
    """Print the rows of the phantoms, of the real series, and of the stages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--studies", type=int, default=sys.maxsize)
    chosen = parser.parse_args()
    real = Path(os.environ.get("LUNGSIGHT_SAMPLE_DATA", ""))
    if chosen.labels is None and not (real / "chest-ct").is_dir():
        print("Nothing to measure: name a label folder with --labels, or set LUNGSIGHT_SAMPLE_DATA.")
        return
    if chosen.labels is not None:
        stages = Stages()
        _phantoms(read_label_folder(chosen.labels), chosen.studies, stages)
        stages.report("phantoms")
    if (real / "chest-ct").is_dir():
        stages = Stages()
        _real_series(real / "chest-ct", stages)
        stages.report("real series")
        _lung_masks(real / "lung-masks")


@dataclass
class Stages:
    """Runs the pipeline and keeps, for every stage, its seconds in each run and its highest peak in MB."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    segmentation: Mapping[str, str] = field(default_factory=dict)

    def analysed(self, volume: CTVolume) -> Analysis:
        """Analyse the volume without any system: lungs, lobes, lesions and quantification."""
        _reset_peak()
        found = analyse(volume, [], {}, self._ended)
        for name, value in found.seconds.items():
            self.seconds.setdefault(name, []).append(value)
        self.segmentation = found.segmentation
        return found

    def _ended(self, stage: str, part: float) -> None:
        """Called when a stage starts, goes on and ends: what was the peak since the call before?"""
        self.peaks[stage] = max(self.peaks.get(stage, 0.0), _peak_mb())
        _reset_peak()

    def report(self, title: str) -> None:
        """Print one row per stage, and what made the label volumes."""
        for name, values in self.seconds.items():
            times = f"{np.median(values):8.2f} s (to {max(values):.2f})"
            print(f"{title + ', ' + name:<40}{times}   peak {self.peaks[name]:.0f} MB")
        made = ", ".join(f"{name} by {method}" for name, method in self.segmentation.items())
        print(f"{title + ', made by':<40}{made or 'rules without a network'}\n")


@dataclass
class Scores:
    """Dice of one kind of label volume over all studies."""

    sets: Mapping[str, Sequence[int]]
    by_study: dict[str, list[float]] = field(default_factory=dict)
    pooled: Counts = field(default_factory=lambda: np.zeros((256, 256), np.int64))

    def add(self, predicted: LabelArray | None, truth: LabelArray | None, study: StudyLabel) -> None:
        """Count one study; nothing when the pipeline did not look or the truth is not known."""
        if predicted is None or truth is None:
            return
        counts = joint_counts(predicted, truth, study.ignore)
        self.pooled += counts
        for name, values in self.sets.items():
            found = overlap_of(counts, values, study.volume.voxel_ml)
            if found.truth_ml and found.dice is not None:
                self.by_study.setdefault(name, []).append(found.dice)

    def report(self, kind: str) -> None:
        """Print one row per set of labels."""
        for name, values in self.sets.items():
            dice, pooled = self.by_study.get(name, []), overlap_of(self.pooled, values, 1.0).dice
            row = f"{kind + ', ' + name:<40}"
            if not self.pooled.any():
                print(f"{row}not made")
            elif not dice or pooled is None:
                print(f"{row}in no study")
            else:
                low, mean = min(dice), np.mean(dice)
                print(f"{row}Dice {mean:.3f} (lowest {low:.3f}, {len(dice)} studies), pooled {pooled:.3f}")


@dataclass
class Percents:
    """Infected % as measured and in truth."""

    measured: list[Quantification] = field(default_factory=list)
    truth: list[float] = field(default_factory=list)
    ill: list[bool] = field(default_factory=list)

    def add(self, found: Quantification | None, study: StudyLabel) -> None:
        """Note one study; nothing without a measurement or truth."""
        if found is None or study.lungs is None or study.outline is None:
            return
        lungs = study.lungs > 0
        self.measured.append(found)
        self.truth.append(100 * float(np.isin(study.outline[lungs], INFECTED_VALUES).mean()))
        self.ill.append(study.class_name != "NP")

    def report(self) -> None:
        """Print error, bias and limits, the normals, and the coverage of the intervals if there are any."""
        if not self.measured:
            return
        measured = np.array([one.infected_percent for one in self.measured])
        sources = ", ".join(sorted({one.source for one in self.measured}))
        error = np.abs(measured - self.truth).mean()
        print(
            f"{'infected %, mean absolute error':<40}{error:.2f} points ({len(measured)} studies, {sources})"
        )
        limits = limits_of_agreement(measured, self.truth)
        if limits is not None:
            print(f"{'infected %, bias':<40}{limits.bias:+.2f} ({limits.lower:.2f} to {limits.upper:.2f})")
        normal = measured[~np.array(self.ill)]
        if len(normal):
            print(f"{'infected %, normals':<40}mean {normal.mean():.2f}, highest {normal.max():.2f}")
        self._report_coverage()

    def _report_coverage(self) -> None:
        pairs = [
            (one.interval_percent, truth)
            for one, truth in zip(self.measured, self.truth, strict=True)
            if one.interval_percent is not None
        ]
        found = coverage([pair[0] for pair in pairs], [pair[1] for pair in pairs]) if pairs else None
        if found is None:
            print(f"{'interval of infected %':<40}none: not calibrated")
        else:
            low, high = found.interval
            print(f"{'interval of infected %':<40}covers {found.value:.3f} ({low:.3f} to {high:.3f})")


def _phantoms(folder: LabelFolder, most: int, stages: Stages) -> None:
    """Measure the test split of a label folder of phantoms."""
    lungs, lobes, lesions = Scores(LUNGS), Scores(LOBE_VALUES), Scores(LESION_VALUES)
    percents, distances = Percents(), list[float]()
    names = folder.studies("test")[:most]
    if not names:
        sys.exit(f"{folder.folder} has no study in its test split.")
    for name in names:
        study = folder.read(name)
        found = stages.analysed(study.volume)
        lungs.add(found.lungs, study.lungs, study)
        lobes.add(found.lobes, study.lobes, study)
        lesions.add(found.lesions, study.outline, study)
        percents.add(found.quantification, study)
        distances += _lung_distance(found.lungs, study)
    lungs.report("phantoms")
    if distances:
        print(f"{'phantoms, lung surface':<40}95 % Hausdorff, median {np.median(distances):.1f} mm")
    lobes.report("phantoms")
    lesions.report("phantoms")
    percents.report()


def _lung_distance(lungs: LabelArray, study: StudyLabel) -> list[float]:
    if study.lungs is None:
        return []
    found = surface_distances(lungs > 0, study.lungs > 0, study.volume.spacing_mm)
    return [] if found is None else [found.hausdorff_95]


def _real_series(folder: Path, stages: Stages) -> None:
    """Print infected % of every series, and the slice area where the slices are labelled."""
    for series in sorted(path for path in folder.iterdir() if path.is_dir()):
        found = stages.analysed(read_folder(series).volume).quantification
        if found is None:
            continue
        print(
            f"{series.name:<40}infected {found.infected_percent:.2f} % {_range(found)}"
            f"({found.source}), {_slice_area(series, found)}"
        )


def _range(found: Quantification) -> str:
    low_high = found.interval_percent or found.spread
    return f"({low_high[0]:.2f} to {low_high[1]:.2f}) " if low_high else ""


def _slice_area(series: Path, found: Quantification) -> str:
    labels = series.with_name(f"{series.name}-labels.json")
    if not labels.exists():
        return "slices not labelled"
    curve = roc_curve(json.loads(labels.read_text())["slices"], found.slice_evidence)
    return "slices of one kind" if curve is None else f"slice AUC {curve.area:.3f}"


def _lung_masks(folder: Path) -> None:
    """Print the Dice of the lungs of every volume with a mask."""
    for image in sorted(folder.glob("*[0-9].nii.gz")):
        volume = read_ct(image).volume
        truth = read_ct(image.with_name(image.name.replace(".nii.gz", "-msk.nii.gz"))).volume.hu > 127
        lungs = analyse(volume, [], {}, lambda stage, part: None).lungs > 0
        dice = overlap_of_masks(lungs, truth, volume.voxel_ml).dice
        print(f"{image.name:<40}lung Dice {dice:.4f}")


def _peak_mb() -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1e3


def _reset_peak() -> None:
    CLEAR_REFERENCES.write_text(RESET_PEAK)


if __name__ == "__main__":
    main()
