"""The patch networks with their weights: the input of a scan in, what they say of every lung of every slice
out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diagnosis.evaluation.predictions import COVID, COVID_GIVEN_DISEASED, DISEASED
from diagnosis.geometry import RefusedInput
from diagnosis.inference import device_of_choice, fast_dtype
from diagnosis.systems.interface import Progress
from diagnosis.systems.patchwise.aggregation import Probabilities, by_slice, of_scan, softened
from diagnosis.systems.patchwise.configuration import Configuration, configuration_of
from diagnosis.systems.patchwise.network import POSITIVE, Features, PatchNetwork, PatchwiseNetworks
from diagnosis.systems.patchwise.patches import COARSE, FINE
from diagnosis.systems.patchwise.preprocessing import Crop, Views
from diagnosis.systems.patchwise.spec import SPEC
from diagnosis.volume import FloatArray
from diagnosis.weight_files import Header, read_header
from diagnosis.weights import load_weights

DISEASED_ABOVE = 0.5
"""Section 2.6: a scan above it is diseased, and then both networks look at all of it."""
WORST = 5
"""Lungs of a slice at which the second network looks, with their neighbours, in a scan that is not
diseased."""
_BATCH_PIXELS = {"cpu": 256 * 256, "cuda": 64 * 256 * 256}
"""One published image at a time on a CPU: its working set stays in the cache."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What the first network says of the crops of a scan, in their order.

    ``probabilities`` ``[n]`` are those of disease; ``coarse`` ``[n, s / 8, s / 8]``, ``fine``
    ``[n, s / 2, s / 2]`` and ``attention`` ``[n, s / 8, s / 8]`` its maps, 0..1. Where no coarse patch is
    infected the fine head is not asked, and ``fine`` is 0.
    """

    probabilities: Probabilities
    coarse: FloatArray
    fine: FloatArray
    attention: FloatArray


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What the second network says of the crops: P(COVID-19 given diseased) ``[n]`` and its attention
    ``[n, s / 8, s / 8]``; 0 where it was not asked. ``whole``: it looked at all of them."""

    probabilities: Probabilities
    attention: FloatArray
    whole: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Both networks for reading only, and what their header says."""

    networks: PatchwiseNetworks
    header: Header
    configuration: Configuration

    @property
    def infected_above(self) -> tuple[float, float]:
        """Probability above which a coarse and a fine patch are infected."""
        scales = self.configuration.scales
        coarse, fine = (scales[shown] for shown in SPEC.heatmaps[:2])
        return coarse.reference * coarse.threshold, fine.reference * fine.threshold


def reader_of(weights: Path) -> Reader:
    """Return the networks of ``weights``, ready for use. Raises RefusedInput (code ``bad_weights``)."""
    header = read_header(weights)
    configuration = configuration_of(weights, header)
    networks = PatchwiseNetworks(third_block=configuration.third_block, pooling=configuration.pooling)
    load_weights(weights, networks, SPEC.name)
    device = device_of_choice()
    networks.eval().requires_grad_(False).to(device, fast_dtype(device))
    return Reader(networks.to(memory_format=torch.channels_last), header, configuration)  # type: ignore[call-overload]


def first_look(network: PatchNetwork, views: Views, infected_above: float, told: Progress) -> FirstLook:
    """Return what the first network, in evaluation mode, says of all crops.

    ``infected_above`` is the probability above which a coarse patch sends its image to the fine head.
    """
    if network.coarse is None or network.fine is None:
        raise ValueError("only the first network looks at patches")
    count, coarse_cells, fine_cells = len(views.crops), views.side // COARSE.stride, views.side // FINE.stride
    found = FirstLook(
        probabilities=np.zeros(count),
        coarse=np.zeros((count, coarse_cells, coarse_cells), np.float32),
        fine=np.zeros((count, fine_cells, fine_cells), np.float32),
        attention=np.zeros((count, coarse_cells, coarse_cells), np.float32),
    )
    for done, here in enumerate(batches := _batches(network, range(count), views.side), start=1):
        with torch.inference_mode():
            features = _features(network, views, here)
            lung = network.judge(features)
            coarse = _positive(network.coarse(features.final))
            found.probabilities[here] = _positive(lung.logits)
            found.coarse[here] = coarse
            found.attention[here] = _array(lung.attention[:, 0])
            asked = np.flatnonzero(coarse.max(axis=(1, 2)) > infected_above)
            if len(asked):
                chosen = Features(*(part[torch.from_numpy(asked)] for part in features))
                found.fine[[here[index] for index in asked]] = _positive(network.fine(chosen))
        told(done / len(batches))
    return found


def second_look(network: PatchNetwork, views: Views, first: FirstLook, told: Progress) -> SecondLook:
    """Return what the second network, in evaluation mode, says: of all crops of a diseased scan, else of the
    worst ones.

    The product of both probabilities needs an answer for every scan. What is not diseased is most likely to
    look so in its worst slices, and their neighbours are needed to soften them.
    """
    count, cells = len(views.crops), views.side // COARSE.stride
    diseased = by_slice(first.probabilities, views)
    whole = of_scan(diseased) > DISEASED_ABOVE
    asked = range(count) if whole else _worst(softened(diseased), views.crops)
    found = SecondLook(np.zeros(count), np.zeros((count, cells, cells), np.float32), whole)
    for done, here in enumerate(batches := _batches(network, asked, views.side), start=1):
        with torch.inference_mode():
            lung = network.judge(_features(network, views, here))
        found.probabilities[here] = _positive(lung.logits)
        found.attention[here] = _array(lung.attention[:, 0])
        told(done / len(batches))
    return found


def probabilities(first: FirstLook, second: SecondLook, views: Views) -> dict[str, float]:
    """Return the probabilities of a scan by key; COVID-19 is the product of the other two.

    Raises RefusedInput (code ``no_answer``) when one is no number.
    """
    diseased, given = (of_scan(by_slice(look.probabilities, views)) for look in (first, second))
    if not math.isfinite(diseased * given):
        raise RefusedInput("no_answer", f"{SPEC.title} gave no probability for this scan.")
    return {COVID: diseased * given, DISEASED: diseased, COVID_GIVEN_DISEASED: given}


def _worst(found: Probabilities, crops: Sequence[Crop]) -> list[int]:
    """The crops of the highest probabilities, and the same lung in the slices beside them."""
    by_place = {(crop.place, crop.lung): index for index, crop in enumerate(crops)}
    of_crop = [found[crop.place, crop.lung - 1] for crop in crops]
    asked: set[int] = set()
    for index in np.argsort(of_crop, kind="stable")[::-1][:WORST]:
        crop = crops[int(index)]
        beside = [(crop.place + step, crop.lung) for step in (-1, 0, 1)]
        asked |= {by_place[place] for place in beside if place in by_place}
    return sorted(asked)


def _batches(network: PatchNetwork, asked: Sequence[int], side: int) -> list[list[int]]:
    device = next(network.parameters()).device.type
    most = max(1, _BATCH_PIXELS.get(device, _BATCH_PIXELS["cpu"]) // side**2)
    return [list(asked[start : start + most]) for start in range(0, len(asked), most)]


def _features(network: PatchNetwork, views: Views, chosen: Sequence[int]) -> Features:
    like = next(network.parameters())
    given = views.tensor(chosen).to(like.device, like.dtype, memory_format=torch.channels_last)
    features: Features = network.features(given)
    return features


def _positive(logits: Tensor) -> FloatArray:
    return _array(logits.float().softmax(dim=1)[:, POSITIVE])


def _array(values: Tensor) -> FloatArray:
    return np.asarray(values.float().cpu().numpy(), dtype=np.float32)
