"""Weights of networks: safetensors in half precision with a JSON header. Anything else is refused.

Torch is imported only to read or write tensors: that takes seconds, and rules only ask whether there are any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnosis.weight_files import HEADER_KEY, REQUIRED, Header, bad, foreign, header_in, opened

if TYPE_CHECKING:
    from torch import Tensor, nn


def save_weights(path: Path, module: nn.Module, header: Mapping[str, Any]) -> None:
    """Write the parameters and buffers of ``module`` as float16, and the header as JSON.

    ``header`` needs ``system`` and ``version`` (text) and may hold any JSON: ``config``, ``data_hash``,
    ``metrics``, ``schedule``. The file appears whole or not at all. Raises ValueError when a value of the
    header is missing or no JSON, or a weight is not finite in half precision.
    """
    for key in REQUIRED:
        if not isinstance(header.get(key), str):
            raise ValueError(f"the header needs {key} as text")
    _write(path, {name: _halved(name, tensor) for name, tensor in module.state_dict().items()}, header)


def save_with(source: Path, path: Path, **added: Any) -> None:
    """Write the weights of ``source`` again, to the bit, with more in their header.

    Raises RefusedInput (code ``bad_weights``) as `load_weights` does for a file that is none.
    """
    header, tensors = _read(source)
    _write(path, tensors, {**header, **added})


def load_weights(path: Path, module: nn.Module, system: str) -> Header:
    """Fill ``module`` with the weights of ``path``, in its own precision, and return the header.

    Raises RefusedInput (code ``bad_weights``) when the file is missing, damaged or no safetensors file,
    has no header, belongs to another system, or does not fit the network tensor by tensor. The module is
    then unchanged.
    """
    header, tensors = _read(path)
    if header["system"] != system:
        raise foreign(path, header["system"], system)
    wanted = module.state_dict()
    if tensors.keys() != wanted.keys():
        raise bad(path, f"their tensors are not those of the {system} network")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise bad(path, f"the tensor {name} has the shape {list(tensor.shape)}, not that of the network")
        if tensor.is_floating_point() != wanted[name].is_floating_point():
            raise bad(path, f"the tensor {name} has the wrong type")
        if not bool(tensor.isfinite().all()):
            raise bad(path, f"the tensor {name} holds values that are no numbers")
    module.load_state_dict(tensors)
    return header


def _write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    from safetensors.torch import save

    text = json.dumps(dict(header), sort_keys=True, allow_nan=False)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(save(dict(tensors), {HEADER_KEY: text}))  # save_file: for its own user only
    unfinished.replace(path)


def _read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    with opened(path, "pt") as file:
        header = header_in(path, file.metadata())
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.detach().cpu().contiguous()
    half = tensor.detach().cpu().half().contiguous()
    if not bool(half.isfinite().all()):
        raise ValueError(f"{name} is not finite in half precision")
    return half
