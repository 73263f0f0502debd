"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Folder of real chest CTs; tests that ask for it are skipped where it is absent."""
    folder = os.environ.get("LUNGSIGHT_SAMPLE_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LUNGSIGHT_SAMPLE_DATA names no folder of real CTs")
    return Path(folder)
