"""DeCoVNet with its weights: a scan in, features and probability out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from diagnosis.geometry import RefusedInput
from diagnosis.inference import device_of_choice, fast_dtype, fold_batch_norm
from diagnosis.results import Heatmap
from diagnosis.systems.decovnet.chunking import features_of
from diagnosis.systems.decovnet.configuration import Configuration, configuration_of
from diagnosis.systems.decovnet.explanation import Cam, activation_map, features_affine
from diagnosis.systems.decovnet.network import COVID, DeCoVNet
from diagnosis.systems.decovnet.openvino_backend import OpenVinoEngine
from diagnosis.systems.decovnet.preprocessing import InputSize, NetworkInput
from diagnosis.systems.decovnet.spec import CAM, CLASS_NAME, SPEC
from diagnosis.volume import Affine
from diagnosis.weight_files import Header, read_header
from diagnosis.weights import load_weights


class Engine(Protocol):
    """What computes the two halves of the network."""

    def features(self, image: Tensor) -> Tensor:
        """Return the features of an input float32 ``[1, 2, z, y, x]``."""
        ...

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits ``[1, 2]`` of features."""
        ...


@dataclass(frozen=True, slots=True)
class Reader:
    """A network for reading only, what its header says, and what computes it."""

    network: DeCoVNet
    header: Header
    configuration: Configuration
    engine: Engine

    def features(self, shown: NetworkInput) -> Tensor:
        """Return the features of a scan, ``[1, 128, z, y, x]``."""
        with torch.no_grad():
            return features_of(self.engine.features, shown.image)

    def probability(self, features: Tensor) -> float:
        """Return P(COVID-19). Raises RefusedInput (code ``no_answer``) when it is no number."""
        with torch.no_grad():
            logits = self.engine.classify(features).float()
        found = float(logits.softmax(dim=1)[0, COVID])
        if not math.isfinite(found):
            raise RefusedInput("no_answer", f"{SPEC.title} gave no probability for this scan.")
        return found

    def heatmap(self, features: Tensor, affine: Affine, cam: Cam) -> Heatmap:
        """Return the activation map of features, on the scale of the weights.

        ``affine`` is that of the input they come from.
        """
        scale = self.configuration.scales[cam]
        return Heatmap(
            class_name=CLASS_NAME,
            kind=CAM,
            values=activation_map(self.network, features, cam),
            affine=features_affine(affine),
            reference=scale.reference,
            threshold=scale.threshold,
        )

    def size(self, slices: str) -> InputSize:
        """Return the size of the input for a value of the option ``slices``."""
        trained = self.configuration.size
        if slices == "trained":
            return trained
        return replace(trained, slice_mm=1.0 if slices == "1mm" else None, even=slices == "1mm")


class TorchEngine:
    """The network itself, in the fastest number format of the device."""

    def __init__(self, network: DeCoVNet) -> None:
        device = device_of_choice()
        self._like = torch.zeros((), device=device, dtype=fast_dtype(device))
        self._network = network.to(self._like.device, self._like.dtype)

    def features(self, image: Tensor) -> Tensor:
        """Return the features of an input."""
        return self._network.features(image.to(self._like))

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits of features."""
        return self._network.classify(features)


def torch_reader(weights: Path) -> Reader:
    """Return the network of ``weights``, computed by torch. Raises RefusedInput (code ``bad_weights``)."""
    network, header, configuration = loaded_network(weights)
    return Reader(network, header, configuration, TorchEngine(network))


def openvino_reader(weights: Path) -> Reader:
    """Return the network of ``weights``, computed by OpenVINO.

    Raises RefusedInput: ``bad_weights``, ``no_openvino`` where it is not installed.
    """
    network, header, configuration = loaded_network(weights)
    return Reader(network, header, configuration, OpenVinoEngine(network))


def loaded_network(weights: Path) -> tuple[DeCoVNet, Header, Configuration]:
    """Return the network with its weights, ready for use, and its header. Raises RefusedInput."""
    header = read_header(weights)
    configuration = configuration_of(weights, header)
    network = DeCoVNet(configuration.head, shrink=configuration.shrink).eval().requires_grad_(False)
    load_weights(weights, network, SPEC.name)
    fold_batch_norm(network)
    return network, header, configuration
