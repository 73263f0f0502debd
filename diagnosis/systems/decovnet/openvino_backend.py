"""DeCoVNet computed by OpenVINO, which is quicker than torch for 3-D networks on a CPU."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diagnosis.geometry import RefusedInput
from diagnosis.systems.decovnet.network import FEATURES, DeCoVNet

_EXAMPLE = (1, 2, 4, 32, 32)
"""Shapes stay open when a network is translated: every size of scan is read by one translation."""


class OpenVinoEngine:
    """Both halves of the network, translated once; float32 on the CPU, with as many threads as torch has."""

    def __init__(self, network: DeCoVNet) -> None:
        """Raises RefusedInput (code ``no_openvino``) where OpenVINO is not installed."""
        backbone = network.backbone
        layers = nn.Sequential(backbone.stem, backbone.first, backbone.pool, backbone.second)
        head = nn.Sequential(network.head, network.classes)
        self._features = _compiled(layers, torch.zeros(_EXAMPLE))
        self._logits = _compiled(head, torch.zeros(1, FEATURES, 2, 4, 4))

    def features(self, image: Tensor) -> Tensor:
        """Return the features of an input."""
        return self._features(image)

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits of features."""
        return self._logits(features)


def _compiled(layers: nn.Module, example: Tensor) -> Callable[[Tensor], Tensor]:
    """Translate layers. By the frontend itself: `openvino.convert_model` reports its use to its makers."""
    try:
        import openvino
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
    except ModuleNotFoundError as error:
        sentence = "backend=openvino needs the extra openvino: pip install lungsight[openvino]."
        raise RefusedInput("no_openvino", sentence) from error

    frontend = FrontEndManager().load_by_framework("pytorch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it traces, which torch gives up
        decoder = TorchScriptPythonDecoder(layers, example_input=(example,))  # must outlive the translation
        model = frontend.convert(frontend.load(decoder))
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled: Any = openvino.Core().compile_model(model, "CPU", settings)

    def compute(given: Tensor) -> Tensor:
        return torch.from_numpy(np.array(compiled([given.float().cpu().numpy()])[0]))

    return compute
