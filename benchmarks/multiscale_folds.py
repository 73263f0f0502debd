"""The multi-scale classifier in patient-wise cross-validation, as in Tables 2 and 3 of Hu et al., 2020.

    python -m benchmarks.multiscale_folds --labels DIR [--folds N] [--schedule small|paper] [--steps N]
        [--each] [--out FILE] [--cache DIR]

The patients of the train and validation parts of a label folder are dealt into folds, class by class; the
test part stays closed. For each fold the classifier is trained from random weights on the others (an eighth
of their patients chooses the weights) and reads the fold, so that every patient is read once by a network
that has not seen him. Lungs are those of the label folder. The tables are over all patients, with bootstrap
intervals; below them stand mean and standard deviation over the folds, as the paper gives them.

``--each`` also trains each level by itself and each pair of classes, as the paper does: seven trainings a
fold instead of one. Without it levels and pairs are read from the joint network of three classes. ``--steps``
is the length of each of the two stages of a training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
from torch import Tensor

from benchmarks.lengths import of_length
from diagnosis.evaluation.cases import Numbers
from diagnosis.evaluation.delong import roc_area
from diagnosis.evaluation.multiclass import Performance, classification
from diagnosis.geometry import RefusedInput
from diagnosis.labels import read_label_folder
from diagnosis.systems.multiscale import scales_training, training
from diagnosis.systems.multiscale.aggregation import patient_probabilities
from diagnosis.systems.multiscale.calibration import probabilities_of, slice_maps
from diagnosis.systems.multiscale.evaluation import PAIRS, class_table, tables_of_paper, task_table
from diagnosis.systems.multiscale.network import LEVELS, MultiscaleNetwork
from diagnosis.systems.multiscale.scales_training import ScalesTask
from diagnosis.systems.multiscale.spec import CLASS_MAPS, CLASSES, Level
from diagnosis.systems.multiscale.training import MultiscaleSchedule, MultiscaleTask
from diagnosis.systems.multiscale.training_inputs import study_slices
from diagnosis.training.labelled import LabelledStudies, LabelledVolume, open_labelled
from diagnosis.training.loop import train

FOLDS = 5
"""As published."""
CHOOSING = 8
"""One in so many of the patients outside the fold is not trained on: the best weights are chosen by them."""


@dataclass(frozen=True, slots=True)
class Stages:
    """How levels are trained by themselves, then together."""

    scales: MultiscaleSchedule
    joint: MultiscaleSchedule


@dataclass(frozen=True, slots=True)
class Answers:
    """Of one classifier of every patient that was read: true class, and probabilities ``[patient, class]`` of
    the whole and of each level alone."""

    truth: list[str]
    joint: Numbers
    alone: Mapping[str, Numbers]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--schedule", choices=("small", "paper"), default="small")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    if chosen.labels is None:
        print("Not run: name a label folder with --labels; minutes to hours of training follow.")
        return
    with TemporaryDirectory() as folder:
        try:
            cache = chosen.cache or Path(folder) / "cache"
            studies = open_labelled(chosen.labels, cache)
            patients = read_label_folder(chosen.labels).patients
            lines = cross_validated(
                studies,
                patients,
                cache,
                stages(chosen.schedule, chosen.steps),
                chosen.folds,
                each=chosen.each,
            )
        except RefusedInput as refusal:
            sys.exit(refusal.sentence)
    print("\n".join(lines))
    if chosen.out is not None:
        chosen.out.write_text("\n".join(lines) + "\n", "utf-8")


def stages(schedule: str, steps: int | None) -> Stages:
    """Return a schedule, at another length where ``steps`` is given, on the fastest device."""
    pair = (
        (scales_training.SMALL, training.SMALL) if schedule == "small" else (training.PAPER, training.PAPER)
    )
    made = []
    for one in pair:
        given = one.settings
        made.append(replace(one, settings=of_length(given, steps or given.steps, given.seed)))
    return Stages(*made)


def cross_validated(
    studies: LabelledStudies, patients: Mapping[str, str], cache: Path, plan: Stages, count: int = FOLDS,
    *, each: bool = False,
) -> list[str]:  # fmt: skip
    """Return the tables as Markdown. ``patients`` names the patient of each study."""
    folds = list(folds_of(studies, patients, count))
    whole = [_read_fold(fold, cache, plan) for fold in folds]
    merged = _merged(whole)
    tasks, classes = tables_of_paper(merged.truth, merged.joint, merged.alone)
    lines = [*task_table(tasks).markdown(), *class_table(classes).markdown(), *_over_folds(whole)]
    if each:
        table = replace(task_table(_each(folds, cache, plan)), title="Each trained by itself", note="")
        lines += table.markdown()
    return lines


def folds_of(
    studies: LabelledStudies, patients: Mapping[str, str], count: int, seed: int = 0
) -> Iterator[LabelledStudies]:
    """Give studies whose test part is a fold of the train and validation parts, patients never divided.

    The classes are spread evenly; of several studies of a patient the first one's class counts.
    """
    volumes = [*studies.part("train"), *studies.part("validation")]
    place = _dealt(volumes, patients, count, seed)
    for fold in range(count):
        rest = [volume for volume in volumes if place[patients[volume.study]] != fold]
        choosing = _dealt(rest, patients, CHOOSING, seed + 1)
        yield replace(studies, parts={
            "train": tuple(volume for volume in rest if choosing[patients[volume.study]]),
            "validation": tuple(volume for volume in rest if not choosing[patients[volume.study]]),
            "test": tuple(volume for volume in volumes if place[patients[volume.study]] == fold),
        })  # fmt: skip


def _dealt(
    volumes: Sequence[LabelledVolume], patients: Mapping[str, str], hands: int, seed: int
) -> dict[str, int]:
    """The hand of each patient: those of each class are shuffled and dealt."""
    class_of: dict[str, str] = {}
    for volume in volumes:
        class_of.setdefault(patients[volume.study], str(volume.class_name))
    randomness, hand_of = np.random.default_rng(seed), {}
    for name in sorted(set(class_of.values())):
        of_class = sorted(patient for patient, own in class_of.items() if own == name)
        for place, index in enumerate(randomness.permutation(len(of_class))):
            hand_of[of_class[index]] = place % hands
    return hand_of


def _each(folds: Sequence[LabelledStudies], cache: Path, plan: Stages) -> dict[str, Performance]:
    """The rows of Table 2 as the paper made them: a training for every level and every pair of classes."""
    found = {}
    for level in LEVELS:
        answers = _merged([_read_fold(fold, cache, plan, levels=(level,)) for fold in folds])
        found[f"{CLASS_MAPS[level]} alone"] = classification(answers.truth, answers.joint, CLASSES).overall
    for name, pair in PAIRS.items():
        answers = _merged([_read_fold(fold, cache, plan, pair) for fold in folds])
        found[name] = classification(answers.truth, answers.joint, pair).overall
    return found


def _read_fold(
    fold: LabelledStudies, cache: Path, plan: Stages, classes: tuple[str, ...] = CLASSES,
    levels: tuple[Level, ...] = LEVELS,
) -> Answers:  # fmt: skip
    """Train on the train part of a fold and read its test part."""
    network = _trained(fold, cache, plan, classes, levels)
    volumes = [volume for volume in fold.parts["test"] if volume.class_name in classes]
    joint: list[Numbers] = []
    alone: dict[str, list[Numbers]] = {f"{CLASS_MAPS[level]} alone": [] for level in levels}
    for volume in volumes:
        maps = slice_maps(network, study_slices(volume, plan.joint.size, cache))
        joint.append(patient_probabilities(probabilities_of(maps), classes))
        for level, of_level in maps.items():
            slices = probabilities_of({level: of_level})
            alone[f"{CLASS_MAPS[level]} alone"].append(patient_probabilities(slices, classes))
    truth = [str(volume.class_name) for volume in volumes]
    return Answers(truth, np.array(joint), {name: np.array(of_level) for name, of_level in alone.items()})


def _trained(
    fold: LabelledStudies, cache: Path, plan: Stages, classes: tuple[str, ...], levels: tuple[Level, ...]
) -> MultiscaleNetwork:
    """Train a classifier; one of a single level needs no second stage."""
    scales = ScalesTask(fold, cache, replace(plan.scales, classes=classes, levels=levels))
    network = _run(scales)
    if len(levels) == 1:
        return network
    joint = MultiscaleTask(fold, cache, replace(plan.joint, classes=classes, levels=levels))
    return _run(joint, network.state_dict())


def _run(task: MultiscaleTask, start: Mapping[str, Tensor] | None = None) -> MultiscaleNetwork:
    with TemporaryDirectory() as out:
        trained = train(task, Path(out), task.settings, {}, start=start, progress_line=_progress)
    return cast(MultiscaleNetwork, trained.network)


def _merged(folds: Sequence[Answers]) -> Answers:
    return Answers(
        [name for fold in folds for name in fold.truth],
        np.concatenate([fold.joint for fold in folds]),
        {name: np.concatenate([fold.alone[name] for fold in folds]) for name in folds[0].alone},
    )


def _over_folds(folds: Sequence[Answers]) -> list[str]:
    """Mean and standard deviation over the folds of the joint classifier's AUCs."""
    lines = []
    for name in CLASSES:
        areas = [roc_area(np.array(fold.truth) == name, fold.joint[:, CLASSES.index(name)]) for fold in folds]
        values = [area.value for area in areas if area is not None]
        if values:
            lines.append(
                f"AUC of {name} over {len(values)} folds: {np.mean(values):.3f} ± {np.std(values):.3f}"
            )
    return [*lines, ""]


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
