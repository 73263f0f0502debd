"""Networks in use: loaded once, batch norm folded into convolutions, the fastest number format of the device,
one slice at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from diagnosis.geometry import RefusedInput
from diagnosis.volume import FloatArray

_MOST_LOADED = 16
"""Networks kept loaded, the latest used: more than one run can need."""
_MULTIPLE = 16
"""Four poolings by two: sizes are padded with air to a multiple of this."""


Ready = TypeVar("Ready")


def loaded(weights: Path, make: Callable[[Path], Ready]) -> Ready:
    """Return ``make(weights)``, made once for as long as the file stays the same.

    For processes that read many cases. What ``make`` returns is shared by all who ask for it: a network for
    reading only. Whoever wants to change one (train it, fold it, hook it) builds one of its own.
    """
    file = weights.stat()
    return cast(Ready, _made(make, weights.absolute(), file.st_ino, file.st_size, file.st_mtime_ns))


@lru_cache(maxsize=_MOST_LOADED)
def _made(make: Callable[[Path], Any], weights: Path, *version: int) -> Any:
    return make(weights)


def device_of_choice() -> torch.device:
    """Return the GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fast_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the device computes in it, else float32.

    A CPU without AVX512-BF16 emulates bfloat16, which is three to five times slower than float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if torch.cpu.get_capabilities().get("avx512_bf16", False) else torch.float32


class SliceReader:
    """A 2-D network ready to read slices, one at a time: on a CPU a slice's working set stays in the cache.

    ``network`` is changed in place and must not be trained afterwards. ``dtype`` None takes the fastest.
    """

    def __init__(
        self, network: nn.Module, *, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> None:
        self.device = device or device_of_choice()
        self.dtype = dtype or fast_dtype(self.device)
        folded = fold_batch_norm(network.eval())
        self._network = folded.to(self.device, self.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, slices: FloatArray) -> Tensor:
        """Return float32 logits ``[classes, y, x]`` of one input ``[channels, y, x]``, on the device."""
        height, width = slices.shape[-2:]
        padding = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
        with torch.inference_mode():
            image = functional.pad(torch.from_numpy(slices), padding)[None]
            image = image.to(self.device, self.dtype, memory_format=torch.channels_last)
            logits = self._network(image)[0, :, :height, :width]
            return torch.as_tensor(logits).float()


def sliding_window() -> Callable[..., Any]:
    """Return MONAI's sliding_window_inference: seconds to import, and only the paper-size networks need it.

    Raises RefusedInput (code ``no_monai``) where MONAI is not installed.
    """
    try:
        from monai.inferers.utils import sliding_window_inference
    except ModuleNotFoundError as error:
        sentence = "The paper-size networks need the extra train: pip install lungsight[train]."
        raise RefusedInput("no_monai", sentence) from error
    return sliding_window_inference


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Fold every batch norm that follows a convolution of an `nn.Sequential` into it, in place.

    The network must be in evaluation mode; its outputs stay the same up to rounding.
    """
    for block in network.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for index in range(len(block) - 1):
            convolution, norm = block[index], block[index + 1]
            if isinstance(convolution, nn.Conv2d | nn.Conv3d) and isinstance(
                norm, nn.BatchNorm2d | nn.BatchNorm3d
            ):
                block[index] = fuse_conv_bn_eval(convolution, norm)
                block[index + 1] = nn.Identity()
    return network
