"""The lungs of a series: one interface over a network and the ways without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.closed import closed_lungs
from diagnosis.lungs.kmeans import kmeans_lungs
from diagnosis.lungs.threshold import threshold_lungs
from diagnosis.preprocessing.batch_effect import remove_batch_effect
from diagnosis.run_clock import Progress
from diagnosis.volume import CTVolume, LabelArray
from diagnosis.weight_files import required, shipped

Method = Literal["automatic", "network", "multiview", "deepmedic", "closed", "threshold", "kmeans"]
METHODS: tuple[Method, ...] = get_args(Method)
UNET_WEIGHTS = "lungs"
DEEPMEDIC_WEIGHTS = "lungs-deepmedic"
_RULES_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Lungs:
    """``labels``: uint8 ``[z, y, x]`` on the series grid, 1 right, 2 left; lesions and vessels included,
    effusion, trachea and main bronchi left out. ``method`` is what was really used, never "automatic"."""

    labels: LabelArray
    method: Method
    version: str
    warnings: tuple[str, ...] = ()


def segment_lungs(
    volume: CTVolume, method: Method = "automatic", progress: Progress = lambda done: None
) -> Lungs:
    """Find the lungs. "automatic" takes the network when its weights are present, else "closed".

    network: 2-D U-Net (Wang et al., 2020). multiview: the same network on planes of three directions, by
    majority (after Hu et al., 2020). deepmedic: the 3-D network of Berenguer et al., 2020. closed: air
    inside the body, closed over disease. threshold: the unsupervised mask of Wang et al. kmeans: Ghavami
    Modegh et al. Where the 2-D network finds what can not be lungs, "closed" is used and a warning says so.
    Raises RefusedInput: ``no_lungs``, ``no_weights``, ``bad_weights``; and what ``progress`` raises.
    """
    if method == "automatic":
        method = "network" if shipped(UNET_WEIGHTS) else "closed"
    if method == "network":
        return _by_unet(required(UNET_WEIGHTS, "lung network"), volume, progress)
    if method == "multiview":
        return _by_views(required(UNET_WEIGHTS, "lung network"), volume, progress)
    if method == "deepmedic":
        return _by_deepmedic(required(DEEPMEDIC_WEIGHTS, "DeepMedic-type lung network"), volume, progress)
    return Lungs(_RULES[method](volume), method, _RULES_VERSION)


def _by_unet(weights: Path, volume: CTVolume, progress: Progress) -> Lungs:
    from diagnosis.lungs.by_network import unet_lungs  # torch: seconds to import, and rules need none

    try:
        labels, version = unet_lungs(weights, volume, progress)
    except RefusedInput as refusal:
        if refusal.code != "no_lungs":
            raise
        sentence = "The lung network found nothing that can be lungs; they were found by density instead."
        return Lungs(closed_lungs(volume), "closed", _RULES_VERSION, (sentence,))
    return Lungs(labels, "network", version)


def _by_views(weights: Path, volume: CTVolume, progress: Progress) -> Lungs:
    from diagnosis.lungs.multiview import multiview_lungs

    labels, version = multiview_lungs(weights, volume, progress)
    return Lungs(labels, "multiview", version)


def _by_deepmedic(weights: Path, volume: CTVolume, progress: Progress) -> Lungs:
    from diagnosis.lungs.by_network import deepmedic_lungs

    labels, version = deepmedic_lungs(weights, volume, progress)
    return Lungs(labels, "deepmedic", version)


def _kmeans(volume: CTVolume) -> LabelArray:
    return kmeans_lungs(remove_batch_effect(volume.hu))


_RULES: Mapping[str, Callable[[CTVolume], LabelArray]] = {
    "closed": closed_lungs,
    "threshold": threshold_lungs,
    "kmeans": _kmeans,
}
