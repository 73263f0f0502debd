"""What is read from the validation part once icovid is trained: operating point, scales of its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diagnosis.evaluation.operating import at_youden
from diagnosis.preprocessing.resampling import block_mean
from diagnosis.systems.calibrating import scale_of
from diagnosis.systems.icovid.configuration import maps_of
from diagnosis.systems.icovid.explanation import POOL, Explainer, shown
from diagnosis.systems.icovid.network import COVID, ICovid, Side
from diagnosis.systems.icovid.preprocessing import InputSize, as_tensor
from diagnosis.systems.icovid.training_inputs import in_use, study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.training.labelled import LabelledVolume
from diagnosis.volume import FloatArray, LabelArray


def answers(
    network: ICovid, volumes: Sequence[LabelledVolume], side: Side, size: InputSize, cache: Path
) -> Mapping[str, Any]:
    """Return ``operating_point`` (Youden's) and ``heatmaps`` (reference and threshold of each map).

    ``volumes`` are studies of both sides that were not trained on; their lesions are those found in use.
    """
    network.eval()
    device = next(network.parameters()).device
    explainer = Explainer(network)
    truth = np.array([is_covid(volume) for volume in volumes])
    found = np.zeros(len(volumes))
    values: dict[str, list[FloatArray]] = {kind: [] for kind in maps_of(side)}
    for index, volume in enumerate(volumes):
        given = study_input(volume, size, cache, in_use(side))[:2]
        image = as_tensor(given, side).to(device)
        with torch.no_grad():
            descriptors = network.descriptors(image).float()
            found[index] = float(network.classify(descriptors).float().softmax(dim=1)[0, COVID])
        if truth[index]:
            relevance = (
                explainer.of_pixels(image, descriptors, explainer.of_slices(descriptors)).cpu().numpy()
            )
            for kind, part in zip(values, (relevance[:, :1], relevance[:, 1:]), strict=False):
                values[kind].append(_in_lungs(shown(part.sum(axis=1)), given[0]))
    point = at_youden(truth, found)
    if point is None:
        raise ValueError("an operating point needs studies of both sides")
    return {
        "operating_point": round(point.threshold, 4),
        "heatmaps": {kind: scale_of(np.concatenate(of)) for kind, of in values.items()},
    }


def _in_lungs(values: FloatArray, grey: LabelArray) -> FloatArray:
    """A map where its pixels are mostly lung: the CT is 0 outside."""
    return values[block_mean(grey > 0, (1, POOL, POOL)) >= 0.5]
