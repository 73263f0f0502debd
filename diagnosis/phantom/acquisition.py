"""From ideal HU to what a scanner would store: blur, noise, streaks, movement, table, padding."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from diagnosis.phantom.blurring import averaged_slices, blurred, slice_weights
from diagnosis.phantom.gantry import Gantry, gantry_around
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.motion import Motion
from diagnosis.phantom.noise import (
    PointSpread,
    SliceNoise,
    add_streaks,
    dose_noise,
    is_starved,
    point_spread,
    starvation,
)
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.scanners import Scanner, Storage
from diagnosis.volume import Affine

_SLAB_PIXELS = 2**20
"""Slices are worked on in slabs of this many pixels, which stay in the processor's cache."""


def acquire(
    hu: Tensor, grid: Grid, scanner: Scanner, body: Tensor, randomness: Randomness, samples: int = 1
) -> Tensor:
    """Return the volume as the scanner stores it, int16 HU ``[z, y, x]`` on the grid's device.

    ``hu`` holds ideal float32 HU ``[samples * z, y, x]``: ``samples`` planes evenly inside each slice of
    ``grid`` (more than one make the partial volume of thick slices truer). ``body``, bool ``[z, y, x]``, is
    everything inside the skin. Values are those that the scanner's slope, intercept and bits can store, so a
    DICOM export loses nothing. Same randomness, same result. Raises ValueError when shapes do not fit or
    there is no body.
    """
    depth, height, width = grid.shape
    if hu.shape != (samples * depth, height, width) or body.shape != grid.shape:
        raise ValueError(f"hu {tuple(hu.shape)} and body {tuple(body.shape)} do not fit {grid.shape}")
    scan = _Scan(hu, grid, scanner, body, randomness, samples)
    result = torch.empty(grid.shape, dtype=torch.int16, device=grid.device)
    slab = max(1, _SLAB_PIXELS // (height * width))
    for first in range(0, depth, slab):
        result[first : first + slab] = scan.slices(first, min(first + slab, depth))
    return result


def affine_of(grid: Grid, scanner: Scanner) -> Affine:
    """Return the LPS affine of voxel centres ``[x, y, z, 1]``, turned about the x axis by the gantry's tilt.

    The patient is imaged along the planes of a tilted gantry, so that the grid stays straight in the
    patient and oblique in the room.
    """
    angle = np.radians(scanner.tilt_degrees)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ grid.affine()


class _Scan:
    """One scan, slab after slab from caudal to cranial."""

    def __init__(
        self, hu: Tensor, grid: Grid, scanner: Scanner, body: Tensor, randomness: Randomness, samples: int
    ) -> None:  # fmt: skip
        self._hu, self._grid, self._scanner, self._body, self._samples = hu, grid, scanner, body, samples
        self._gantry: Gantry = gantry_around(body, grid, scanner)
        self._spread: PointSpread = point_spread(scanner.kernel, grid.spacing_mm[2])
        self._profile = slice_weights(scanner.thickness_mm, grid.spacing_mm[0], samples)
        self._noise = SliceNoise(grid.shape[1:], scanner.slice_correlation, randomness.stream("noise"))
        self._streaks = randomness.stream("streaks")
        self._motion = (
            Motion(scanner.motion_mm, grid, self._gantry.depth, randomness.stream("motion"))
            if scanner.motion_mm
            else None
        )

    def slices(self, first: int, last: int) -> Tensor:
        images = averaged_slices(self._hu, first, last, self._samples, self._profile)
        if self._motion:
            self._motion.apply(images, self._hu, first, self._samples)
        body = self._body[first:last]
        images.copy_(torch.where(body, images, torch.maximum(images, self._gantry.table)))
        images.sub_(self._scanner.cupping_hu * self._gantry.depth)
        noise = self._noise_of(images, body, first)
        return _stored(self._reconstructed(images, noise), self._scanner, self._gantry.outside)

    def _noise_of(self, images: Tensor, body: Tensor, first: int) -> Tensor:
        """Return noise before reconstruction; streaks are added to the images on the way."""
        _, step_y, step_x = self._grid.spacing_mm
        deviation = self._scanner.noise_hu * dose_noise(images, step_y * step_x)
        starved = starvation(images, step_x)
        for number in torch.nonzero(is_starved(starved)).flatten().tolist():
            one = slice(number, number + 1)
            add_streaks(images[one], body[one], starved[one], self._scanner.streak_hu, self._streaks)
        noise = self._noise.next_slices(len(images), images.device)
        noise.mul_(self._gantry.noise * self._spread.noise_gain)
        return noise.mul_(deviation[:, None, None] * (1 + 0.3 * starved[:, :, None]))

    def _reconstructed(self, images: Tensor, noise: Tensor) -> Tensor:
        """Image (1 + b) G1 - b G2 and noise G1 - r G2 share the smoothings G1 (near) and G2 (far)."""
        kernel = self._scanner.kernel
        near = torch.add(noise, images, alpha=1 + kernel.edge_boost)
        far = noise.mul_(kernel.ramp).add_(images, alpha=kernel.edge_boost)
        return blurred(near, self._spread.near).sub_(blurred(far, self._spread.far))


def _stored(images: Tensor, scanner: Scanner, outside: Tensor) -> Tensor:
    storage: Storage = scanner.storage
    low, high = storage.stored_range
    values = images.mul_(scanner.gain).add_(scanner.offset_hu - storage.intercept).div_(storage.slope)
    values = values.round_().clamp_(low, high).mul_(storage.slope).add_(storage.intercept).round_()
    if scanner.padding_hu is not None:
        values.masked_fill_(outside, float(scanner.padding_hu))
    return values.to(torch.int16)
