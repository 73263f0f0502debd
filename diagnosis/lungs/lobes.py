"""The five lobes of lungs that are known: by a network, or roughly by the usual place of the fissures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from diagnosis.lungs.lobe_input import LobeCase, grid_positions, lobe_case
from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.resampling import Positions, sample_linear
from diagnosis.results import LEFT_LUNG, SIDE_LOBES
from diagnosis.volume import CTVolume, FloatArray, LabelArray
from diagnosis.weight_files import required, shipped

Method = Literal["automatic", "network", "geometric"]
METHODS: tuple[Method, ...] = get_args(Method)
LOBE_WEIGHTS = "lobes"

_SLAB = 16
_GEOMETRY_VERSION = "1"
_OBLIQUE_FRONT, _OBLIQUE_BACK = 0.02, 0.72
"""Height of the oblique fissure at the front and back of a lung, 0 its base, 1 its apex: from the diaphragm
just behind the front wall to the level of the fourth thoracic vertebra."""
_MINOR = 0.5
"""Height of the minor fissure: the fourth costal cartilage, about halfway up the right lung."""
_ROUGH = (
    "The lobes were drawn where fissures usually lie, not where this patient has them: "
    "values by lobe are a rough guess."
)


@dataclass(frozen=True, slots=True)
class Lobes:
    """``labels``: uint8 ``[z, y, x]`` on the series grid, values of `diagnosis.results.LOBES`; every voxel of
    the lungs has one, of its own side."""

    labels: LabelArray
    method: Method
    version: str
    warnings: tuple[str, ...] = ()


def segment_lobes(volume: CTVolume, lungs: LabelArray, method: Method = "automatic") -> Lobes | None:
    """Divide the lungs (uint8 ``[z, y, x]``, 1 right, 2 left; not empty) into lobes.

    "automatic" takes the network when its weights are present and otherwise gives None. "geometric" knows
    only where fissures usually lie, and says so in its warnings. Raises RefusedInput: ``no_weights``,
    ``bad_weights``.
    """
    if method == "geometric":
        return Lobes(_by_geometry(lungs), "geometric", _GEOMETRY_VERSION, (_ROUGH,))
    if method == "automatic" and shipped(LOBE_WEIGHTS) is None:
        return None
    weights = required(LOBE_WEIGHTS, "lobe network")
    from diagnosis.lungs.lobe_reading import lobe_shares  # torch: seconds to import, and geometry needs none

    case = lobe_case(volume.hu, lungs)
    shares, header = lobe_shares(weights, case)
    return Lobes(_raised(shares, case, lungs), "network", header["version"])


def _raised(shares: Mapping[int, FloatArray], case: LobeCase, lungs: LabelArray) -> LabelArray:
    """Sample the probabilities linearly on the series grid, within each lung's own box, slab by slab."""
    result = np.zeros(lungs.shape, dtype=np.uint8)
    for side, lobes in SIDE_LOBES.items():
        lung = lungs == side
        if not lung.any():
            continue
        box = bounding_box(lung)
        z, y, x = grid_positions(case.box, box)
        for start in range(0, len(z), _SLAB):
            part = slice(start, start + _SLAB)
            first, last = int(z[part][0]), int(z[part][-1]) + 2
            best = _best(shares[side][:, first:last], (z[part] - first, y, x))
            here = (slice(box[0].start + start, min(box[0].start + start + _SLAB, box[0].stop)), *box[1:])
            result[here] += np.where(lung[here], np.asarray(lobes, dtype=np.uint8)[best], 0).astype(np.uint8)
    return result


def _best(shares: FloatArray, positions: Positions) -> LabelArray:
    """Return the number of the largest share at every position."""
    highest = sample_linear(shares[0], positions)
    best = np.zeros(highest.shape, dtype=np.uint8)
    for number in range(1, len(shares)):
        values = sample_linear(shares[number], positions)
        better = values > highest
        best[better] = number
        np.maximum(highest, values, out=highest)
    return best


def _by_geometry(lungs: LabelArray) -> LabelArray:
    result = np.zeros(lungs.shape, dtype=np.uint8)
    for side in SIDE_LOBES:
        lung = lungs == side
        if lung.any():
            box = bounding_box(lung)
            result[box] += np.where(lung[box], _usual_lobes(lung[box].shape, side), 0).astype(np.uint8)
    return result


def _usual_lobes(shape: tuple[int, ...], side: int) -> LabelArray:
    height, depth = ((np.arange(size) + 0.5) / size for size in shape[:2])
    oblique = _OBLIQUE_FRONT + (_OBLIQUE_BACK - _OBLIQUE_FRONT) * depth[None, :]
    lower = height[:, None] < oblique
    if side == LEFT_LUNG:
        lobes = np.where(lower, 5, 4)
    else:
        lobes = np.where(lower, 3, np.where(height[:, None] < _MINOR, 2, 1))
    return lobes.astype(np.uint8)[:, :, None]
