"""Arrays that are slow to make and needed often: made once, then read from disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Values = TypeVar("Values", bound=np.generic)


def kept(path: Path, make: Callable[[], NDArray[Values]], *, mapped: bool = False) -> NDArray[Values]:
    """Return the array in ``path`` (``.npy``), made and written there when it is missing.

    It is written beside and renamed, so that neither a killed run nor a second one leaves half an array.
    The name must say everything that the array depends on. A ``mapped`` array is read from the file where
    it is indexed: for parts of large ones.
    """
    if path.is_file():
        return np.asarray(np.load(path, mmap_mode="r" if mapped else None))
    made = make()
    with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        np.save(file, made)
    Path(file.name).replace(path)
    return made
