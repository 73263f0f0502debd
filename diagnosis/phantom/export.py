"""Phantoms as files: the truth of one beside its series, and many as a label folder to train on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from diagnosis.labels import Split, StudyLabel, write_label_folder
from diagnosis.nifti import write_labels
from diagnosis.phantom.phantom import Phantom, PhantomRequest, make_phantom
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.scanners import (
    CALIBRATION_SCANNERS,
    TRAINING_SCANNERS,
    UNSEEN_SCANNERS,
    draw_scanner,
)

LABEL_MAPS = ("lungs", "lobes", "lesions", "vessels", "airways")
_SALT = "lungsight phantom split 1"
_TRAIN, _VALIDATION = 0.70, 0.15
"""Shares of the seeds; the rest is the test set."""
_NAMED = 0.5
"""Share of the training phantoms on a named scanner; the others are on drawn ones."""

Progress = Callable[[int, int], None]


def write_truth(phantom: Phantom, folder: Path) -> None:
    """Write ``truth/*.nii.gz`` (lungs, lobes, lesions, vessels, airways, ignore) and ``truth.json``.

    The JSON holds seed, version, class, day, scanner (its name), infected_percent of visible voxels,
    lung_ml and lobes_ml by name.
    """
    truth, affine = phantom.truth, phantom.volume.affine
    masks = folder / "truth"
    masks.mkdir(parents=True, exist_ok=True)
    for name in LABEL_MAPS:
        write_labels(masks / f"{name}.nii.gz", getattr(phantom, name), affine)
    write_labels(masks / "ignore.nii.gz", phantom.ignore.astype("uint8"), affine)
    content = {
        "seed": truth.seed, "version": truth.version, "class": truth.class_name, "day": truth.day,
        "scanner": truth.scanner.name, "infected_percent": truth.infected_percent,
        "lung_ml": truth.lung_ml, "lobes_ml": dict(truth.lobes_ml),
    }  # fmt: skip
    (folder / "truth.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")


def split_of(seed: int) -> Split:
    """Return the side of the split on which a seed's patient stands for life, in every folder."""
    digest = hashlib.sha256(f"{_SALT} {seed}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < _TRAIN:
        return "train"
    return "validation" if place < _TRAIN + _VALIDATION else "test"


def label_of(phantom: Phantom) -> StudyLabel:
    """Return what a phantom teaches: every lesion outlined, the rest background, and its anatomy."""
    truth = phantom.truth
    return StudyLabel(
        study=f"phantom-{truth.seed}-{truth.disease.kind}-day{truth.day:g}-{truth.scanner.name}",
        patient=f"phantom-{truth.seed}",
        split=split_of(truth.seed),
        class_name=truth.class_name,
        kinds=("outline", "background"),
        volume=phantom.volume,
        manifest_hash=hashlib.sha256(phantom.volume.hu.tobytes()).hexdigest(),
        provenance={
            "phantom": truth.seed, "version": truth.version, "scanner": truth.scanner.name, "day": truth.day,
            "severity": truth.severity, "infected_percent": truth.infected_percent,
            "co_rads": truth.co_rads,
        },
        outline=phantom.lesions,
        ignore=phantom.ignore,
        lungs=phantom.lungs,
        lobes=phantom.lobes,
        vessels=phantom.vessels,
    )  # fmt: skip


def write_labels_folder(
    requests: Sequence[PhantomRequest], folder: Path, progress: Progress, device: torch.device | str = "cpu"
) -> str:
    """Make the phantoms one by one into a new label folder and return the label set's hash.

    The side of the split follows from the seed. A request that names no scanner gets one of its side:
    training phantoms a training scanner or a drawn one, validation a calibration scanner, test an unseen
    one. ``progress`` is told (done, all). Raises FileExistsError when the folder holds anything.
    """

    def studies() -> Iterator[StudyLabel]:
        for done, request in enumerate(requests):
            progress(done, len(requests))
            yield label_of(make_phantom(with_scanner(request), device))
        progress(len(requests), len(requests))

    return write_label_folder(folder, studies())


def with_scanner(request: PhantomRequest) -> PhantomRequest:
    """Return the request on a scanner of its side of the split, unless it names one."""
    if request.scanner is not None:
        return request
    randomness = Randomness(request.seed, "scanner of the split")
    part = split_of(request.seed)
    if part == "train" and not randomness.chance(_NAMED):
        return replace(request, scanner=draw_scanner(randomness).name)
    names = {"train": TRAINING_SCANNERS, "validation": CALIBRATION_SCANNERS, "test": UNSEEN_SCANNERS}[part]
    return replace(request, scanner=names[int(randomness.numpy.integers(len(names)))])
