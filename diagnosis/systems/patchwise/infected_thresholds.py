"""From which probabilities on patches are infected: the pair that measures the validation part best.

Section 2.8 takes 0.5 for both maps. Where training weighs infected patches more than others (`patch_loss`),
probabilities are higher than the part of such patches that are infected, and 0.5 finds too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from diagnosis.evaluation.cases import Numbers
from diagnosis.results import INFECTED_VALUES
from diagnosis.systems.patchwise.preprocessing import Views
from diagnosis.systems.patchwise.quantification import infected_by_pairs
from diagnosis.systems.patchwise.reading import FirstLook
from diagnosis.systems.study_outlines import UNKNOWN
from diagnosis.volume import LabelArray

PUBLISHED = (0.5, 0.5)
"""Of coarse and of fine patches (section 2.8)."""
_TRIED = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
"""Denser towards 1, where training that weighs infected patches puts their probabilities."""
_PAIRS = tuple(product(_TRIED, _TRIED))


def errors_of_pairs(views: Views, first: FirstLook, truth: LabelArray) -> Numbers | None:
    """Return by how many points of infected % each pair is off in a study, float64 ``[pair]``; None where
    nothing is known.

    ``truth`` uint8 ``[z, y, x]`` holds lesion values on the grid of the input and UNKNOWN; what is known of
    the lungs counts.
    """
    known = (views.image[1] > 0) & (truth != UNKNOWN)
    if not known.any():
        return None
    true = np.isin(truth[known], INFECTED_VALUES).mean()
    found = [infected[known].mean() for infected in infected_by_pairs(views, first, _PAIRS)]
    return np.asarray(np.abs(np.array(found) - true) * 100.0)


def chosen_pair(errors: Sequence[Numbers | None]) -> tuple[float, float]:
    """Return the pair with the least mean error over studies; PUBLISHED when none of them says one."""
    known = [one for one in errors if one is not None]
    return _PAIRS[int(np.mean(known, axis=0).argmin())] if known else PUBLISHED
