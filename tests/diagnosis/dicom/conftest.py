from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.phantoms import ChestPhantom, chest_phantom, write_dicom_series


@pytest.fixture(scope="session")
def phantom() -> ChestPhantom:
    return chest_phantom()


@pytest.fixture
def slice_file(phantom: ChestPhantom, tmp_path: Path) -> Callable[..., Path]:
    """Write the middle slice of the phantom to a file of its own; keywords change its attributes."""

    def write(transfer_syntax: str = "1.2.840.10008.1.2.1", **attributes: Any) -> Path:
        others = [index for index in range(len(phantom.volume.hu)) if index != 28]
        [path] = write_dicom_series(
            phantom.volume, tmp_path / "one", drop=others, transfer_syntax=transfer_syntax, extra=attributes
        )
        return path

    return write


@pytest.fixture
def edited() -> Callable[..., Path]:
    """Change attributes of one DICOM file in place; None deletes."""

    def edit(path: Path, **attributes: Any) -> Path:
        dataset = pydicom.dcmread(path)
        for keyword, value in attributes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        dataset.save_as(path)
        return path

    return edit
