"""Weights of networks: safetensors in half precision with a JSON header. Anything else is refused.

Torch is imported only to read or write tensors: that takes seconds, and rules only ask whether there are any.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from diagnosis.geometry import RefusedInput

if TYPE_CHECKING:
    from torch import Tensor, nn

FOLDER_VARIABLE = "LUNGSIGHT_WEIGHTS"
"""Environment variable: a folder whose weights come before the shipped ones, or NO_WEIGHTS."""
NO_WEIGHTS = "none"
"""Use no network at all, also none of the shipped ones: everything is found by rules."""
_SHIPPED = Path(__file__).parent / "shipped"
_HEADER = "lungsight"
"""Key of the header among the metadata of a safetensors file, which holds text only."""
_REQUIRED = ("system", "version")
_SUFFIX = ".safetensors"

Header = dict[str, Any]


def save_weights(path: Path, module: nn.Module, header: Mapping[str, Any]) -> None:
    """Write the parameters and buffers of ``module`` as float16, and the header as JSON.

    ``header`` needs ``system`` and ``version`` (text) and may hold any JSON: ``config``, ``data_hash``,
    ``metrics``, ``schedule``. The file appears whole or not at all. Raises ValueError when a value of the
    header is missing or no JSON, or a weight is not finite in half precision.
    """
    for key in _REQUIRED:
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
        raise _bad(path, f"they are weights of {header['system']}, not of {system}")
    wanted = module.state_dict()
    if tensors.keys() != wanted.keys():
        raise _bad(path, f"their tensors are not those of the {system} network")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise _bad(path, f"the tensor {name} has the shape {list(tensor.shape)}, not that of the network")
        if tensor.is_floating_point() != wanted[name].is_floating_point():
            raise _bad(path, f"the tensor {name} has the wrong type")
        if not bool(tensor.isfinite().all()):
            raise _bad(path, f"the tensor {name} holds values that are no numbers")
    module.load_state_dict(tensors)
    return header


def read_header(path: Path) -> Header:
    """Return the header alone. Raises RefusedInput (code ``bad_weights``) as `load_weights` does."""
    return _read(path, tensors=False)[0]


def shipped(name: str) -> Path | None:
    """Return the weights ``name``: from the folder of ``LUNGSIGHT_WEIGHTS``, else those in the package.

    None when there are none, or when the variable says "none". The model card lies beside as ``name.md``.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder == NO_WEIGHTS:
        return None
    for place in ([Path(folder)] if folder else []) + [_SHIPPED]:
        if (place / f"{name}{_SUFFIX}").is_file():
            return place / f"{name}{_SUFFIX}"
    return None


def required(name: str, network: str) -> Path:
    """Return the weights ``name``. Raises RefusedInput (code ``no_weights``) that says how to get them."""
    path = shipped(name)
    if path is None:
        raise RefusedInput(
            "no_weights",
            f"There are no weights for the {network}: train them with python -m diagnosis train "
            f"and put {name}{_SUFFIX} into the folder {FOLDER_VARIABLE} names.",
        )
    return path


def _write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    from safetensors.torch import save

    text = json.dumps(dict(header), sort_keys=True, allow_nan=False)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(save(dict(tensors), {_HEADER: text}))  # save_file would let only its own user read
    unfinished.replace(path)


def _read(path: Path, *, tensors: bool = True) -> tuple[Header, dict[str, Tensor]]:
    if not path.is_file():
        raise _bad(path, "there is no such file")
    try:
        with safe_open(path, "pt" if tensors else "np") as file:
            metadata = file.metadata() or {}
            found = {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _bad(path, "they are damaged, or not in the safetensors format") from error
    return _header(path, metadata.get(_HEADER)), found


def _header(path: Path, text: str | None) -> Header:
    if text is None:
        raise _bad(path, "they have no header that names their system")
    try:
        header = json.loads(text)
    except ValueError as error:
        raise _bad(path, "their header is damaged") from error
    if not isinstance(header, dict) or any(not isinstance(header.get(key), str) for key in _REQUIRED):
        raise _bad(path, "their header does not name system and version")
    return header


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.detach().cpu().contiguous()
    half = tensor.detach().cpu().half().contiguous()
    if not bool(half.isfinite().all()):
        raise ValueError(f"{name} is not finite in half precision")
    return half


def _bad(path: Path, reason: str) -> RefusedInput:
    return RefusedInput("bad_weights", f"The weights {path.name} can not be used: {reason}.")
