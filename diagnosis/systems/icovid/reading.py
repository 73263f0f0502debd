"""icovid with its weights: a scan in; probability, shares of the slices and relevance of the pixels out."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from diagnosis.geometry import RefusedInput
from diagnosis.inference import device_of_choice, fast_dtype
from diagnosis.preprocessing.resampling import block_affine
from diagnosis.results import Heatmap
from diagnosis.systems.icovid.configuration import Configuration, configuration_of, maps_of
from diagnosis.systems.icovid.explanation import POOL, Explainer, shown, slices_together
from diagnosis.systems.icovid.network import COVID, ICovid
from diagnosis.systems.icovid.preprocessing import NetworkInput, as_tensor
from diagnosis.systems.icovid.spec import CLASS_NAME, SPEC
from diagnosis.systems.interface import Progress
from diagnosis.weight_files import Header, read_header
from diagnosis.weights import load_weights

WORST = 10
"""Slices that are explained when only the worst are: as many as the published operations count."""


@dataclass(frozen=True, slots=True)
class Answer:
    """P(COVID-19) of a scan, the descriptors of its slices float32 ``[z, 512]``, and their relevance."""

    probability: float
    descriptors: Tensor
    relevance: Tensor

    def shares(self) -> NDArray[np.float64]:
        """Return each slice's share of what speaks for COVID-19, ``[z]``; zeros when nothing does."""
        speaks = self.relevance.double().sum(dim=1).clamp(min=0).cpu().numpy()
        total = float(speaks.sum())
        return np.asarray(speaks / total if total > 0 else speaks, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Reader:
    """A network for reading only and what its header says.

    ``network`` computes in single precision, as relevance needs; ``slices`` is its larger part in the fastest
    number format of the device.
    """

    network: ICovid
    slices: nn.Module
    header: Header
    configuration: Configuration
    explainer: Explainer
    like: Tensor

    def answer(self, given: NetworkInput, progress: Progress = lambda part: None) -> Answer:
        """Return what the network says of a scan.

        Raises RefusedInput (code ``no_answer``) when that is no number; and what ``progress`` raises.
        """
        count = given.image.shape[1]
        found = []
        for part in self._parts(range(count)):
            with torch.inference_mode():
                found.append(self.slices(self._image(given, part).to(self.like)).float())
            progress((part[-1] + 1) / count)
        descriptors = torch.cat(found).clone()
        with torch.no_grad():
            logits = self.network.classify(descriptors)
        probability = float(logits.softmax(dim=1)[0, COVID])
        if not math.isfinite(probability):
            raise RefusedInput("no_answer", f"{SPEC.title} gave no probability for this scan.")
        return Answer(probability, descriptors, self.explainer.of_slices(descriptors))

    def heatmaps(
        self, given: NetworkInput, answer: Answer, slices: str, progress: Progress = lambda part: None
    ) -> list[Heatmap]:
        """Return the relevance of the lungs and that of the lesions, on the scale of the weights.

        ``slices`` is a value of that option; what is not explained is 0.
        """
        chosen = self._chosen(answer, slices)
        kinds = maps_of(self.configuration.side)
        _, depth, height, width = given.image.shape
        maps = np.zeros((len(kinds), depth, height // POOL, width // POOL), dtype=np.float32)
        for done, part in enumerate(self._parts(chosen), 1):
            image = self._image(given, part).to(self.like.device)
            relevance = self.explainer.of_pixels(image, answer.descriptors[part], answer.relevance[part])
            by_input = [relevance[:, :1], relevance[:, 1:]]
            for index in range(len(kinds)):
                maps[index, part] = shown(by_input[index].sum(dim=1).cpu().numpy())
            progress(min(1.0, done * self._together / len(chosen)))
        affine = block_affine(given.affine, (1, POOL, POOL))
        scales = self.configuration.scales
        return [
            Heatmap(CLASS_NAME, kind, values, affine, scales[kind].reference, scales[kind].threshold)
            for kind, values in zip(kinds, maps, strict=True)
        ]

    @property
    def _together(self) -> int:
        return slices_together(self.like.device)

    def _parts(self, slices: Sequence[int]) -> list[list[int]]:
        return [list(slices[at : at + self._together]) for at in range(0, len(slices), self._together)]

    def _image(self, given: NetworkInput, part: list[int]) -> Tensor:
        return as_tensor(given.image[:, part], self.configuration.side)

    def _chosen(self, answer: Answer, slices: str) -> list[int]:
        if slices == "all":
            return list(range(len(answer.relevance)))
        order = np.argsort(-answer.shares(), kind="stable")
        return sorted(int(index) for index in order[:WORST])


def reader_of(weights: Path) -> Reader:
    """Return the network of ``weights``, ready to read. Raises RefusedInput (code ``bad_weights``)."""
    header = read_header(weights)
    configuration = configuration_of(weights, header)
    network = ICovid(configuration.side, configuration.spp).eval().requires_grad_(False)
    load_weights(weights, network, SPEC.name)
    device = device_of_choice()
    network.to(device)
    like = torch.zeros((), device=device, dtype=fast_dtype(device))
    slices = nn.Sequential(copy.deepcopy(network.encoder), copy.deepcopy(network.describe))
    slices = slices.to(like.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Reader(network, slices, header, configuration, Explainer(network), like)
