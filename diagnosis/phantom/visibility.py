"""Which infected voxels can be seen in the acquired image; the others count neither as lesion nor as lung.

A generator writes ground glass so faint that no reader could outline it. Teaching or scoring such voxels is
label noise, so they are set aside.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from diagnosis.phantom.lesions.lattice import Box, box_of
from diagnosis.results import INFECTED_VALUES

CONTRAST_HU = 60.0
"""A lesion is at least so much denser than the healthy lung of its slice."""
_SIGMA_PIXELS = 1.0
_RADIUS_PIXELS = 4


def visible(hu_acquired: Tensor, lesions: Tensor, lungs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lesions that can be seen and a mask of the infected voxels that can not.

    ``hu_acquired`` is int16, ``lesions`` and ``lungs`` uint8, all ``[z, y, x]``. An infected voxel (values 1
    to 4) is visible when HU smoothed in the slice (Gaussian, sigma 1 pixel) are at least 60 above the median
    of the slice's lungs without any lesion (of all such lungs where the slice has none). Other values stay.
    """
    infected = (lesions >= INFECTED_VALUES[0]) & (lesions <= INFECTED_VALUES[-1])
    box = box_of(infected)
    ignore = torch.zeros_like(infected)
    if box is None:
        return lesions.clone(), ignore
    healthy = (lungs > 0) & (lesions == 0)
    reference = _healthy_hu(hu_acquired, healthy, box)
    contrast = _smoothed(hu_acquired, box) - reference[:, None, None]
    ignore[box] = infected[box] & (contrast < CONTRAST_HU)
    return lesions.masked_fill(ignore, 0), ignore


def _healthy_hu(hu: Tensor, healthy: Tensor, box: Box) -> Tensor:
    """Median of healthy lung in each slice of the box, float32 ``[z]``."""
    by_slice = [hu[z][healthy[z]] for z in range(box[0].start, box[0].stop)]
    if all(len(values) for values in by_slice):
        return torch.stack([values.float().median() for values in by_slice])
    everywhere = hu[healthy]
    # Consolidation from wall to wall without any healthy lung in the whole chest: compare with air.
    fallback = everywhere.float().median() if len(everywhere) else torch.tensor(-1000.0, device=hu.device)
    return torch.stack([values.float().median() if len(values) else fallback for values in by_slice])


def _smoothed(hu: Tensor, box: Box) -> Tensor:
    """Gaussian-smoothed HU inside the box, seen with as much around it as the kernel needs."""
    places = torch.arange(-_RADIUS_PIXELS, _RADIUS_PIXELS + 1, device=hu.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (places / _SIGMA_PIXELS) ** 2)
    kernel /= kernel.sum()
    rows, top, bottom = _widened(box[1], hu.shape[1])
    columns, left, right = _widened(box[2], hu.shape[2])
    part = hu[box[0], rows, columns].float()[:, None]
    part = functional.pad(part, (left, right, top, bottom), mode="replicate")
    part = functional.conv2d(part, kernel.view(1, 1, -1, 1))
    return functional.conv2d(part, kernel.view(1, 1, 1, -1))[:, 0]


def _widened(part: slice, size: int) -> tuple[slice, int, int]:
    """The part with a kernel's radius more on both sides, and how much of that the image lacks."""
    start, stop = part.start - _RADIUS_PIXELS, part.stop + _RADIUS_PIXELS
    return slice(max(start, 0), min(stop, size)), max(-start, 0), max(stop - size, 0)
