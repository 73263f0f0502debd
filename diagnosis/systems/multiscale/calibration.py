"""What is read from the validation part once the multi-scale classifier is trained: how well it answers,
operating points, scales of its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diagnosis.evaluation.confusion import confusion_of
from diagnosis.evaluation.operating import at_youden
from diagnosis.systems.calibrating import scale_of
from diagnosis.systems.header_values import heatmap_key
from diagnosis.systems.multiscale.aggregation import TOP_SHARE, patient_probabilities, worst_first
from diagnosis.systems.multiscale.explanation import blurred, class_evidence, joint_saliency
from diagnosis.systems.multiscale.network import MultiscaleNetwork, stride_of, sum_of_maxima
from diagnosis.systems.multiscale.preprocessing import InputSize, as_tensor
from diagnosis.systems.multiscale.spec import CLASS_MAPS, CLASSES, COVID, DISEASES, JOINT, Level
from diagnosis.systems.multiscale.training_inputs import study_slices
from diagnosis.training.labelled import LabelledVolume
from diagnosis.volume import BoolArray, FloatArray

SHARES = (TOP_SHARE, 0.1, 0.35, 0.5, 0.75)
"""Parts of a patient's slices that may speak for the patient: a few speak for small lesions, many outvote a
false alarm."""
SALIENT_STUDIES = 12
"""Studies of each disease in whose worst slice the saliency is computed for its scale: one takes seconds."""
_LEAST = 1e-6
"""Least probability whose logarithm is taken."""


def read_patients(
    truth: Sequence[str], found: NDArray[np.float64], classes: Sequence[str] = CLASSES
) -> dict[str, float]:
    """Return ``auc`` of COVID-19 (of the first class where it is none), ``mean_auc`` of all classes,
    ``accuracy`` and mean ``cross_entropy`` of probabilities ``[patient, class]``."""
    confusion = confusion_of(truth, found, classes)
    main = confusion.one_against_rest[COVID if COVID in classes else classes[0]].area
    right = found[np.arange(len(truth)), [list(classes).index(name) for name in truth]]
    return {
        "auc": 0.0 if main is None else main.value,
        "mean_auc": confusion.mean_area or 0.0,
        "accuracy": confusion.accuracy.value,
        "cross_entropy": float(-np.log(np.clip(right, _LEAST, 1.0)).mean()),
    }


def slice_maps(network: MultiscaleNetwork, slices: NDArray[np.uint8]) -> dict[Level, FloatArray]:
    """Return the class maps float32 ``[z, classes, y, x]`` of slices uint8 ``[z, 2 or more, y, x]``, CT and
    lung mask first."""
    device = next(network.parameters()).device
    found: dict[Level, list[FloatArray]] = {level: [] for level in network.levels}
    for one in slices:
        with torch.no_grad():
            maps = network.maps(_image(one).to(device))
        for level, values in maps.items():
            found[level].append(values.float().cpu().numpy())
    return {level: np.concatenate(values) for level, values in found.items()}


def probabilities_of(maps: Mapping[Level, FloatArray]) -> NDArray[np.float64]:
    """Return the probabilities ``[z, classes]`` of slices, given their class maps."""
    scores = sum_of_maxima({level: torch.from_numpy(values) for level, values in maps.items()})
    return np.asarray(scores.double().softmax(dim=1).numpy())


def answers(
    network: MultiscaleNetwork, volumes: Sequence[LabelledVolume], size: InputSize, cache: Path
) -> Mapping[str, Any]:
    """Return ``top_share``, the part of the slices that speaks for a patient, ``operating_points`` (Youden's)
    of the diseases and ``heatmaps`` (reference and threshold of each map).

    All are read from studies of all classes that were not trained on.
    """
    network.eval()
    truth = np.array([volume.class_name for volume in volumes])
    found: list[NDArray[np.float64]] = []
    values: dict[str, list[FloatArray]] = {}
    for volume in volumes:
        slices = study_slices(volume, size, cache)
        maps = slice_maps(network, slices)
        probabilities = probabilities_of(maps)
        found.append(probabilities)
        name = str(volume.class_name)
        if name not in DISEASES:
            continue
        seen = _of_maps(maps, name, slices[:, 1] > 0)
        if len(values.get(heatmap_key(name, JOINT), [])) < SALIENT_STUDIES:
            seen[JOINT] = _salient(network, slices[worst_first(probabilities)[0]], name)
        for kind, of_kind in seen.items():
            values.setdefault(heatmap_key(name, kind), []).append(of_kind)
    share = best_share(truth.tolist(), found)
    patients = patients_of(found, share)
    return {
        "top_share": share,
        "operating_points": {
            name: _operating_point(truth == name, patients[:, CLASSES.index(name)]) for name in DISEASES
        },
        "heatmaps": {key: scale_of(np.concatenate(of_key)) for key, of_key in values.items()},
    }


def best_share(truth: Sequence[str], found: Sequence[NDArray[np.float64]]) -> float:
    """Return that of SHARES whose mean AUC of the classes is largest, of equals the first.

    ``found`` holds the probabilities of each patient's slices ``[z, classes]``.
    """
    areas = [confusion_of(truth, patients_of(found, share), CLASSES).mean_area or 0.0 for share in SHARES]
    return SHARES[int(np.argmax(areas))]


def patients_of(found: Sequence[NDArray[np.float64]], share: float) -> NDArray[np.float64]:
    """Return the probabilities ``[patient, class]`` of patients, given those of their slices."""
    return np.stack([patient_probabilities(slices, share=share) for slices in found])


def _operating_point(truth: NDArray[np.bool_], found: NDArray[np.float64]) -> float:
    point = at_youden(truth, found)
    if point is None:
        raise ValueError("an operating point needs studies of both sides")
    return round(point.threshold, 4)


def _of_maps(maps: Mapping[Level, FloatArray], class_name: str, lungs: BoolArray) -> dict[str, FloatArray]:
    """The raw values of the class maps at lung pixels."""
    return {
        CLASS_MAPS[level]: _at(class_evidence(of_level, class_name), stride_of(level), lungs)
        for level, of_level in maps.items()
    }


def _salient(network: MultiscaleNetwork, one: NDArray[np.uint8], class_name: str) -> FloatArray:
    """The raw values of the joint saliency at the lung pixels of a slice."""
    image = _image(one).to(next(network.parameters()).device)
    return np.asarray(blurred(joint_saliency(network, image, class_name))[one[1] > 0])


def _image(one: NDArray[np.uint8]) -> Tensor:
    """The network's input ``[1, 1, y, x]`` for one slice ``[2 or more, y, x]``."""
    return as_tensor(np.array(one[:2, None]))


def _at(values: FloatArray, stride: int, lungs: BoolArray) -> FloatArray:
    """The cells of a map ``[z, y, x]`` in which the lung pixels lie, one value a pixel."""
    pixels = values.repeat(stride, axis=1).repeat(stride, axis=2)
    sides = [(0, max(0, want - have)) for have, want in zip(pixels.shape, lungs.shape, strict=True)]
    pixels = np.pad(pixels, sides, mode="edge")
    return np.asarray(pixels[:, : lungs.shape[1], : lungs.shape[2]][lungs])
