"""What is read from the validation part once DeCoVNet is trained: operating point, scales of its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from diagnosis.evaluation.operating import at_youden
from diagnosis.preprocessing.resampling import positions_in, sample_linear
from diagnosis.systems.calibrating import scale_of
from diagnosis.systems.decovnet.configuration import heatmap_key
from diagnosis.systems.decovnet.explanation import Cam, activation_map, features_affine
from diagnosis.systems.decovnet.network import COVID, DeCoVNet
from diagnosis.systems.decovnet.preprocessing import InputSize, as_tensor
from diagnosis.systems.decovnet.training_inputs import study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.training.labelled import LabelledVolume
from diagnosis.volume import FloatArray


def answers(
    network: DeCoVNet, volumes: Sequence[LabelledVolume], size: InputSize, cache: Path
) -> Mapping[str, Any]:
    """Return ``operating_point`` (Youden's) and ``heatmaps`` (reference and threshold of each map).

    ``volumes`` are studies of both sides that were not trained on.
    """
    network.eval()
    device = next(network.parameters()).device
    truth = np.array([is_covid(volume) for volume in volumes])
    found = np.zeros(len(volumes))
    values: dict[Cam, list[FloatArray]] = {cam: [] for cam in get_args(Cam)}
    for index, volume in enumerate(volumes):
        given = study_input(volume, size, cache)[:2]
        with torch.no_grad():
            features = network.features(as_tensor(given).to(device))
            found[index] = float(network.classify(features).float().softmax(dim=1)[0, COVID])
        if truth[index]:
            for cam in values:
                values[cam].append(_in_lungs(activation_map(network, features, cam), given[1]))
    point = at_youden(truth, found)
    if point is None:
        raise ValueError("an operating point needs studies of both sides")
    return {
        "operating_point": round(point.threshold, 4),
        "heatmaps": {heatmap_key(cam): scale_of(np.concatenate(of)) for cam, of in values.items()},
    }


def _in_lungs(values: FloatArray, lungs: NDArray[np.uint8]) -> FloatArray:
    """The map at the lung voxels of the input."""
    whole = np.eye(4)
    positions = positions_in(features_affine(whole), whole, lungs.shape)
    return sample_linear(values, positions)[lungs > 0]
