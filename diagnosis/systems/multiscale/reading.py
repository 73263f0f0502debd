"""The multi-scale classifier with its weights: slices in, probabilities, class maps and saliency out."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from diagnosis.explanation.integrated_gradients import STEPS
from diagnosis.geometry import RefusedInput
from diagnosis.inference import device_of_choice, fast_dtype, fold_batch_norm
from diagnosis.results import Heatmap
from diagnosis.side_threads import in_order, side_threads
from diagnosis.systems.interface import Progress
from diagnosis.systems.multiscale.configuration import Configuration, configuration_of
from diagnosis.systems.multiscale.explanation import blurred, class_evidence, joint_saliency, map_affine
from diagnosis.systems.multiscale.network import MultiscaleNetwork, sum_of_maxima
from diagnosis.systems.multiscale.preprocessing import InputSize, NetworkInput, as_tensor
from diagnosis.systems.multiscale.spec import CLASS_MAPS, CLASSES, DISEASES, JOINT, SPEC, Level
from diagnosis.volume import Affine, FloatArray
from diagnosis.weight_files import Header, read_header
from diagnosis.weights import load_weights

_TOGETHER_ON_GPU = 32
"""Slices of one forward pass. A CPU takes one: its working set stays in the cache."""
_STEPS_ON_CPU = 5
"""Steps of integrated gradients in one pass of a CPU: weights are laid out once for all."""
_SIDE_BY_SIDE = 4
"""Slices whose saliency a CPU computes at once, at most, one a core: layers are too small to be shared.
Each holds the graph of its steps, and whoever stops waits for as many."""


@dataclass(frozen=True, slots=True)
class SliceAnswers:
    """For the slices of an input, in its order: ``probabilities`` ``[n, classes]`` as CLASSES, and for each
    level its class maps float32 ``[n, classes, y, x]``."""

    probabilities: NDArray[np.float64]
    maps: Mapping[Level, FloatArray]


@dataclass(frozen=True, slots=True)
class Reader:
    """A network for reading only, in the fastest number format of its device, and what its header says."""

    network: MultiscaleNetwork
    header: Header
    configuration: Configuration
    like: torch.Tensor

    def answers(self, shown: NetworkInput, progress: Progress = lambda part: None) -> SliceAnswers:
        """Return what the network says of each slice.

        Raises RefusedInput (code ``no_answer``) when it says what is no number; and what ``progress`` raises.
        """
        count = shown.image.shape[1]
        together = 1 if self.like.device.type == "cpu" else _TOGETHER_ON_GPU
        probabilities: list[NDArray[np.float64]] = []
        maps: dict[Level, list[FloatArray]] = {level: [] for level in self.configuration.levels}
        for start in range(0, count, together):
            image = as_tensor(shown.image[:, start : start + together]).to(self.like)
            with torch.inference_mode():
                found = self.network.maps(image)
                scores = sum_of_maxima(found).double()
            probabilities.append(scores.softmax(dim=1).cpu().numpy())
            for level, values in found.items():
                maps[level].append(values.float().cpu().numpy())
            progress(min(count, start + together) / count)
        answers = np.concatenate(probabilities)
        if not np.isfinite(answers).all():
            raise RefusedInput("no_answer", f"{SPEC.title} gave no probability for this scan.")
        return SliceAnswers(answers, {level: np.concatenate(values) for level, values in maps.items()})

    def saliencies(
        self, shown: NetworkInput, order: Sequence[int], class_name: str
    ) -> Generator[tuple[int, FloatArray], None, None]:
        """Yield slices, in the given order, with what is salient for a class in them.

        The blurred size of the joint saliency, float32 ``[y, x]``, not negative. A CPU computes a few slices
        at a time, one on each core that torch may take, and none further ahead: whoever stops asking has the
        slices before them, and closes this to wait for these only.
        """
        on_cpu = self.like.device.type == "cpu"
        slices = min(torch.get_num_threads(), _SIDE_BY_SIDE) if on_cpu else 1
        steps = _STEPS_ON_CPU if on_cpu else STEPS

        def salient_for_class(index: int) -> FloatArray:
            image = as_tensor(shown.image[:, index : index + 1]).to(self.like.device)
            return blurred(joint_saliency(self.network, image, class_name, at_once=steps))

        with side_threads(slices) as pool:
            yield from in_order(pool, salient_for_class, order, slices)

    def class_heatmaps(self, answers: SliceAnswers, affine: Affine) -> list[Heatmap]:
        """Return the class maps of both diseases at every level; ``affine`` is that of the input."""
        return [
            self._heatmap(name, CLASS_MAPS[level], class_evidence(maps, name), map_affine(affine, level))
            for name in DISEASES
            for level, maps in answers.maps.items()
        ]

    def joint_heatmap(self, class_name: str, values: FloatArray, affine: Affine) -> Heatmap:
        """Return the cube root of the saliency of all slices ``[n, y, x]`` on the scale of the weights.

        It is the geometric mean of what the three levels say. Their product, on which boxes rest, spans four
        orders of magnitude: all but its peaks would be dark, and these beyond half precision. The header
        holds the scale of the product; percentiles go through the root.
        """
        scale = self.configuration.scales[class_name, JOINT]
        reference, threshold = math.cbrt(scale.reference), math.cbrt(scale.threshold)
        return Heatmap(class_name, JOINT, np.cbrt(values), affine, reference, threshold)

    def size(self, slices: str) -> InputSize:
        """Return the size of the input for a value of the option ``slices``."""
        trained = self.configuration.size
        return trained if slices == "trained" else replace(trained, slice_mm=None)

    def _heatmap(self, class_name: str, kind: str, values: FloatArray, affine: Affine) -> Heatmap:
        scale = self.configuration.scales[class_name, kind]
        return Heatmap(class_name, kind, values, affine, scale.reference, scale.threshold)


def reader_of(weights: Path) -> Reader:
    """Return the network of ``weights``, ready to read. Raises RefusedInput (code ``bad_weights``)."""
    header = read_header(weights)
    configuration = configuration_of(weights, header)
    network = MultiscaleNetwork(len(CLASSES), configuration.levels).eval().requires_grad_(False)
    load_weights(weights, network, SPEC.name)
    fold_batch_norm(network)
    device = device_of_choice()
    like = torch.zeros((), device=device, dtype=fast_dtype(device))
    ready = network.to(like.device, like.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Reader(ready, header, configuration, like)
