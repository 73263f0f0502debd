"""Breathing and heart beat during the scan: double contours and blurred edges near heart and diaphragm."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor
from torch.nn.functional import pad

from diagnosis.phantom.grid import Grid
from diagnosis.phantom.randomness import Randomness

_HEART_MM = (-62.0, -22.0, 28.0)
_HEART_REACH_MM = (42.0, 46.0, 50.0)
"""Centre and standard deviation of the region that moves with the heart, z, y, x in patient mm."""
_DIAPHRAGM_Z, _DIAPHRAGM_RAMP_MM = -70.0, 22.0
"""Below this height the lung moves with the diaphragm, rising over the ramp."""
_HEART_SHARE, _DIAPHRAGM_SHARE, _MOST = 0.4, 0.48, 0.5
"""Weight of the displaced image: the true place always weighs as much, so truth stays where it is."""
_FAR_SHARE = 0.65
"""Of the displaced image that lies at the far end of the movement; the rest lies half-way."""
_VISIBLE = 0.03


class Motion:
    """The movement during one scan; some slices are hit, others are measured in a quiet phase."""

    def __init__(self, amplitude_mm: float, grid: Grid, depth: Tensor, randomness: Randomness) -> None:
        z, y, x = grid.axes()
        draw = randomness.numpy
        period = float(draw.uniform(26.0, 70.0))
        phase = float(draw.uniform(0.0, 2 * pi))
        hit = torch.sin(2 * pi * z / period + phase)
        self._hit = hit.abs().sqrt()
        self._along_z = (amplitude_mm * hit / grid.spacing_mm[0]).cpu()
        sideways = amplitude_mm * draw.uniform(0.2, 0.55, 2) * draw.choice((-1.0, 1.0), 2)
        self._in_plane = tuple(
            round(float(by / step)) for by, step in zip(sideways, grid.spacing_mm[1:], strict=True)
        )
        centre, reach = _HEART_MM, _HEART_REACH_MM
        self._heart_z = _HEART_SHARE * torch.exp(-0.5 * ((z - centre[0]) / reach[0]) ** 2)
        self._diaphragm_z = _DIAPHRAGM_SHARE * torch.sigmoid(4 * (_DIAPHRAGM_Z - z) / _DIAPHRAGM_RAMP_MM)
        across = ((y[:, None] - centre[1]) / reach[1]) ** 2 + ((x[None, :] - centre[2]) / reach[2]) ** 2
        self._heart_plane = torch.exp(-0.5 * across)
        self._diaphragm_plane = depth.sqrt()

    def apply(self, images: Tensor, planes: Tensor, first: int, samples: int) -> None:
        """Blend ``images`` ``[n, y, x]``, slices from ``first`` on, with displaced ``planes`` in place."""
        part = slice(first, first + len(images))
        heart = (self._heart_z[part] * self._hit[part])[:, None, None] * self._heart_plane
        weight = heart + (self._diaphragm_z[part] * self._hit[part])[:, None, None] * self._diaphragm_plane
        weight.clamp_(max=_MOST)
        for number in torch.nonzero(weight.amax(dim=(1, 2)) > _VISIBLE).flatten().tolist():
            ghost = _FAR_SHARE * self._displaced(planes, first + number, samples, 1.0)
            ghost.add_(self._displaced(planes, first + number, samples, 0.5), alpha=1 - _FAR_SHARE)
            images[number].lerp_(ghost, weight[number])

    def _displaced(self, planes: Tensor, number: int, samples: int, part: float) -> Tensor:
        place = (number + part * float(self._along_z[number])) * samples + (samples - 1) / 2
        place = min(max(place, 0.0), len(planes) - 1.0)
        low = min(int(place), len(planes) - 2) if len(planes) > 1 else 0
        image = torch.lerp(planes[low], planes[min(low + 1, len(planes) - 1)], place - low)
        down, along = (int(by * part) for by in self._in_plane)
        wide = pad(
            image[None, None], (max(along, 0), max(-along, 0), max(down, 0), max(-down, 0)), mode="replicate"
        )[0, 0]
        height, width = image.shape
        return wide[max(-down, 0) : max(-down, 0) + height, max(-along, 0) : max(-along, 0) + width]
