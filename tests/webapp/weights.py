"""Weights as far as the site reads them: a header in a folder that goes before the package's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from diagnosis.weight_files import FOLDER_VARIABLE, HEADER_KEY


def put_weights(folder: Path, system: str = "decovnet", version: str = "small-7", **header: Any) -> None:
    """Write a file of weights of ``system`` whose header says ``header`` besides."""
    text = json.dumps({"system": system, "version": version, **header})
    save_file({"weight": np.zeros(1, np.float32)}, folder / f"{system}.safetensors", {HEADER_KEY: text})


def use_weights(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    """Let the site look for weights in ``folder``; None: it has none at all."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder) if folder else "none")
