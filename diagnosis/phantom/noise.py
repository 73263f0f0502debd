"""Quantum noise with the texture of filtered back-projection, and streaks where too few photons come through.

The noise power of a reconstruction is the ramp filter times the squared MTF of the kernel (Riederer et al.,
Phys Med Biol 23:446, 1978): white noise is given the point spread of the kernel, and its low frequencies are
taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from diagnosis.phantom.blurring import Weights, gaussian_weights
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.scanners import Kernel

WIDER = 2.2
"""Standard deviation of the smoothed noise that is taken away, and of the edge enhancement, in those of the
point spread: the noise power then peaks at about half of the highest frequency, as measured on scanners."""

_WATER_PER_MM = 0.0195
"""Attenuation of water at about 70 keV, the mean energy of 120 kV, per mm (NIST XCOM)."""
_MODULATION = 0.45
"""What tube current modulation leaves of the difference of noise between thin and thick bodies."""
_AVERAGE_CHEST_MM = 250.0
"""Water-equivalent diameter (AAPM report 220) for which a scanner's noise is stated."""
_NOISE_RANGE = (0.6, 2.2)
_STARVED_MM = 290.0
"""Water along a row from which streaks begin: shoulders and arms beside the chest."""
_STARVED_SCALE_MM = 110.0
_WIDEST_MM = 380.0
"""How wide a body is taken to be that the field of view cuts."""
_MOST_STARVED = 2.5
_STREAK_TILTS = (0.0, 0.05, -0.11)
"""Slopes of the streaks: rays near the horizontal pass through both shoulders."""
_STREAK_KNOTS = 6
_DARK_BAND_HU = 14.0
"""How much darker the rows between the shoulders are, by beam hardening and scatter."""
_VISIBLE = 0.02


@dataclass(frozen=True, slots=True)
class PointSpread:
    """The two smoothings that make image and noise, in pixels of the grid."""

    near: Weights
    far: Weights
    noise_gain: float
    """What white noise is multiplied with so that noise of standard deviation 1 comes out."""


def point_spread(kernel: Kernel, pixel_mm: float) -> PointSpread:
    """Return the smoothings of a kernel on pixels of this size, noise normalised exactly."""
    near = gaussian_weights(kernel.sigma_mm / pixel_mm)
    far = gaussian_weights(max(WIDER * kernel.sigma_mm / pixel_mm, 0.6))
    reach = (len(far) - len(near)) // 2
    padded = (0.0,) * reach + near + (0.0,) * reach if reach >= 0 else near
    square = sum(w * w for w in near) ** 2
    both = sum(a * b for a, b in zip(padded, far, strict=True)) ** 2
    wide = sum(w * w for w in far) ** 2
    variance = square - 2 * kernel.ramp * both + kernel.ramp**2 * wide
    return PointSpread(near, far, 1.0 / sqrt(variance))


class SliceNoise:
    """White noise slice after slice, each correlated with the next as in overlapping reconstruction."""

    def __init__(self, plane: tuple[int, int], correlation: float, randomness: Randomness) -> None:
        # n[i] = a e[i] + b e[i + 1] with a^2 + b^2 = 1 and a b = correlation.
        root = sqrt(max(0.0, 1 - 4 * min(correlation, 0.5) ** 2))
        self._own, self._next = sqrt((1 + root) / 2), sqrt((1 - root) / 2)
        self._generator = randomness.torch
        self._plane = plane
        self._last = torch.randn((1, *plane), generator=self._generator)

    def next_slices(self, count: int, device: torch.device) -> Tensor:
        """Return the noise of the next slices, variance 1, float32 ``[count, y, x]``."""
        fresh = torch.randn((count, *self._plane), generator=self._generator)
        white = torch.cat([self._last, fresh])
        self._last = fresh[-1:].clone()
        return white[:-1].mul_(self._own).add_(fresh, alpha=self._next).to(device)


def dose_noise(images: Tensor, pixel_ml: float) -> Tensor:
    """Return the noise of each slice ``[n]`` relative to an average chest, by water-equivalent diameter.

    ``pixel_ml`` is the area of a pixel in mm2.
    """
    area = (images + 1000.0).clamp_(min=0.0).sum(dim=(1, 2)) / 1000.0 * pixel_ml
    diameter = 2 * (area / torch.pi).sqrt()
    return torch.exp(0.5 * _MODULATION * _WATER_PER_MM * (diameter - _AVERAGE_CHEST_MM)).clamp_(*_NOISE_RANGE)


def starvation(images: Tensor, pixel_mm: float) -> Tensor:
    """Return how starved of photons each row is, ``[n, y]``: 0 in most of the chest, 1 to 2 at shoulders."""
    width = images.shape[2]
    density = (images + 1000.0).clamp_(min=0.0).div_(1000.0)
    beyond = max(0.0, _WIDEST_MM - width * pixel_mm) / 2
    water = density.sum(dim=2) * pixel_mm + (density[:, :, 0] + density[:, :, -1]) * beyond
    rows = ((water - _STARVED_MM) / _STARVED_SCALE_MM).clamp_(0.0, _MOST_STARVED)
    return torch.nn.functional.avg_pool1d(rows[:, None], 9, 1, 4, count_include_pad=False)[:, 0]


def add_streaks(
    images: Tensor, body: Tensor, starved: Tensor, streak_hu: float, randomness: Randomness
) -> None:
    """Add streaks along rows and the dark band between shoulders to ``images`` ``[n, y, x]`` in place."""
    strength = starved.pow(1.3)
    images.sub_(_DARK_BAND_HU * strength[:, :, None] * body)
    if streak_hu:
        images.add_(_streaks(images.shape, randomness, images.device).mul_(streak_hu * strength[:, :, None]))


def _streaks(shape: torch.Size, randomness: Randomness, device: torch.device) -> Tensor:
    """Noise of variance 1 that changes from row to row and hardly along a row, in three directions."""
    count, height, width = shape
    total = torch.zeros(shape, device=device)
    columns = torch.arange(width, device=device) - width / 2
    for tilt in _STREAK_TILTS:
        margin = int(abs(tilt) * width / 2) + 2
        rows = torch.randn((count, 1, height + 2 * margin, _STREAK_KNOTS), generator=randomness.torch).to(
            device
        )
        rows = interpolate(rows, size=(height + 2 * margin, width), mode="bilinear", align_corners=True)[:, 0]
        rows = 0.6 * rows[:, 1:] + 0.6 * rows[:, :-1]
        shift = (columns * tilt).round().long() + margin
        index = torch.arange(height, device=device)[:, None] + shift[None, :]
        total += rows.gather(1, index.expand(count, -1, -1))
    return total.div_(sqrt(len(_STREAK_TILTS) * 0.5))


def is_starved(starved: Tensor) -> Tensor:
    """Return which slices ``[n]`` have streaks that can be seen."""
    return starved.amax(dim=1) > _VISIBLE
