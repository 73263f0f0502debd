"""Files of weights, without torch: where they lie, and the JSON header that says what they are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from diagnosis.geometry import RefusedInput

FOLDER_VARIABLE = "LUNGSIGHT_WEIGHTS"
"""Environment variable: a folder whose weights come before the shipped ones, or NO_WEIGHTS."""
NO_WEIGHTS = "none"
"""Use no network at all, also none of the shipped ones: everything is found by rules."""
HEADER_KEY = "lungsight"
"""Key of the header among the metadata of a safetensors file, which holds text only."""
REQUIRED = ("system", "version")
"""What every header holds, as text."""
_SHIPPED = Path(__file__).parent / "shipped"
_SUFFIX = ".safetensors"

Header = dict[str, Any]


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


def read_header(path: Path) -> Header:
    """Return the header of a file of weights.

    Raises RefusedInput (code ``bad_weights``) when the file is missing, damaged or no safetensors file, or
    has no header that names system and version.
    """
    with opened(path, "np") as file:
        return header_in(path, file.metadata())


@contextmanager
def opened(path: Path, framework: str) -> Iterator[Any]:
    """Open a safetensors file for reading. Raises RefusedInput (code ``bad_weights``), also while reading."""
    if not path.is_file():
        raise bad(path, "there is no such file")
    try:
        with safe_open(path, framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise bad(path, "they are damaged, or not in the safetensors format") from error


def header_in(path: Path, metadata: dict[str, str] | None) -> Header:
    """Return the header among the metadata of ``path``. Raises RefusedInput (code ``bad_weights``)."""
    text = (metadata or {}).get(HEADER_KEY)
    if text is None:
        raise bad(path, "they have no header that names their system")
    try:
        header = json.loads(text)
    except ValueError as error:
        raise bad(path, "their header is damaged") from error
    if not isinstance(header, dict) or any(not isinstance(header.get(key), str) for key in REQUIRED):
        raise bad(path, "their header does not name system and version")
    return header


def bad(path: Path, reason: str) -> RefusedInput:
    """Return the refusal of a file of weights."""
    return RefusedInput("bad_weights", f"The weights {path.name} can not be used: {reason}.")


def foreign(path: Path, owner: str, wanted: str) -> RefusedInput:
    """Return the refusal of weights that belong to another system."""
    return bad(path, f"they are weights of {owner}, not of {wanted}")
