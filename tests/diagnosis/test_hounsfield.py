"""Values that can not be Hounsfield units of a chest are told from those that can."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.hounsfield import hounsfield_reason, rounded
from tests.phantoms import chest_phantom

CHEST = chest_phantom().volume.hu


def test_a_chest_is_plausible_also_with_padding_around_it() -> None:
    padded = CHEST.copy()
    padded[:, :20] = -2000

    assert hounsfield_reason(CHEST) is None
    assert hounsfield_reason(padded) is None


@pytest.mark.parametrize(
    "values",
    [
        CHEST + 1024,
        np.clip((CHEST + 1000) // 8, 0, 255),
        np.zeros_like(CHEST),
        np.full_like(CHEST, -1000),
        np.full_like(CHEST, -2000),
    ],
    ids=["intercept lost", "grey levels", "black", "air only", "padding only"],
)
def test_other_values_are_unusable(values: np.ndarray) -> None:
    reason = hounsfield_reason(values.astype(np.int16))

    assert reason is not None
    assert (reason.code, reason.grade) == ("not_hounsfield", "unusable")


def test_rounding_clips_to_what_the_type_holds() -> None:
    assert rounded(np.array([-1e9, -0.6, 0.4, 1.6, 1e9])).tolist() == [-32768, -1, 0, 2, 32767]
