"""Augmentation of batches of CT slices, on whatever device they lie on.

All slices of a sample get the same geometric transform, as do their labels (nearest neighbour). The ranges
are those that carried networks from phantoms to real CT; HU calibration in particular stays narrow, because
it is what makes ground glass visible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

AIR_HU = -1000.0
"""What lies outside of a slice that was moved."""
ELASTIC_KNOTS = 5
"""Knots of the elastic field along each axis: one every 50 to 70 mm."""
FIELD_KNOTS = 4
"""Knots of the smooth HU field along each axis."""

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ranges:
    """How far each transform goes. Lengths are parts of the slice's side where no unit is named."""

    rotation_degrees: float = 15.0
    zoom: tuple[float, float] = (0.85, 1.65)
    anisotropy: float = 0.08
    shear: float = 0.08
    shift: float = 0.08
    elastic: float = 0.02
    flip: float = 0.5
    """Probability of a left-right flip."""
    mixing: float = 0.35
    """Largest weight of the neighbouring slice; half of the samples are mixed."""
    gamma: float = 0.12
    field_hu: float = 15.0
    blur_pixels: float = 1.1
    sharpening: float = 0.8
    lowest_resolution: float = 0.5
    noise_hu: tuple[float, float] = (4.0, 60.0)
    streaks_hu: float = 25.0
    offset_hu: float = 22.0
    gain: float = 0.04


TRANSFER = Ranges()
"""The ranges that transferred from phantoms to real CT."""


class Draws:
    """Random numbers for one batch: parameters from NumPy, fields from torch on the batch's device."""

    def __init__(self, randomness: np.random.Generator, device: torch.device) -> None:
        self.numpy = randomness
        self._torch = torch.Generator(device).manual_seed(int(randomness.integers(2**62)))
        self.device = device

    def uniform(self, low: float, high: float, shape: Sequence[int]) -> Tensor:
        """Return float32 uniform draws of ``shape``."""
        values = self.numpy.uniform(low, high, tuple(shape)).astype(np.float32)
        return torch.from_numpy(values).to(self.device)

    def chance(self, probability: float, count: int) -> Tensor:
        """Return ``count`` draws that are 1 with this probability, otherwise 0, float32."""
        return (self.uniform(0, 1, (count,)) < probability).float()

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Return float32 normal draws of ``shape``."""
        return torch.randn(tuple(shape), generator=self._torch, device=self.device)


def augment(
    images: Tensor, labels: Tensor, draws: Draws, ranges: Ranges = TRANSFER, size: Size | None = None
) -> tuple[Tensor, Tensor]:
    """Return a batch moved and degraded: float32 HU ``[b, slices, y, x]``, uint8 labels ``[b, k, y, x]``.

    With ``size`` (y, x) each sample is a part of that size, cut anywhere out of the moved slice: the whole
    slice need not go through the network at each step.
    """
    images, labels = move(images, labels, draws, ranges, size)
    images = mix_neighbours(images, draws, ranges)
    return degrade(images, draws, ranges), labels


def move(
    images: Tensor, labels: Tensor, draws: Draws, ranges: Ranges = TRANSFER, size: Size | None = None
) -> tuple[Tensor, Tensor]:
    """Rotate, zoom, stretch, shear, shift, flip and bend; what comes in from outside is air, label 0."""
    whole = (images.shape[-2], images.shape[-1])
    grid = sampling_grid(len(images), whole, size or whole, draws, ranges)
    moved = functional.grid_sample(images - AIR_HU, grid, mode="bilinear", align_corners=False) + AIR_HU
    turned = functional.grid_sample(labels.float(), grid, mode="nearest", align_corners=False)
    return moved, turned.to(torch.uint8)


def sampling_grid(count: int, whole: Size, size: Size, draws: Draws, ranges: Ranges) -> Tensor:
    """Return where each output pixel comes from, ``[b, y, x, 2]`` in -1..1 as grid_sample wants it.

    ``whole`` is the size (y, x) of the slices, ``size`` that of the part to cut out.
    """
    angle = draws.uniform(-1, 1, (count,)) * math.radians(ranges.rotation_degrees)
    zoom = torch.exp(draws.uniform(math.log(ranges.zoom[0]), math.log(ranges.zoom[1]), (count,)))
    stretch = torch.exp(draws.uniform(-ranges.anisotropy, ranges.anisotropy, (count,)))
    shear = draws.uniform(-ranges.shear, ranges.shear, (count,))
    mirror = 1 - 2 * draws.chance(ranges.flip, count)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    across, down = mirror / (zoom * stretch), stretch / zoom
    upper = [across * cosine, across * (shear * cosine - sine)]
    lower = [down * sine, down * (shear * sine + cosine)]
    matrix = torch.stack([*upper, *lower], dim=1).reshape(count, 2, 2)
    share = torch.tensor([size[1] / whole[1], size[0] / whole[0]], device=draws.device)
    cut = matrix @ (draws.uniform(-1, 1, (count, 2, 1)) * (1 - share)[:, None])
    shift = cut + draws.uniform(-2 * ranges.shift, 2 * ranges.shift, (count, 2, 1))
    matrix = matrix * share
    grid = functional.affine_grid(
        torch.cat([matrix, shift], dim=2), [count, 1, size[0], size[1]], align_corners=False
    )
    knots = draws.normal((count, 2, ELASTIC_KNOTS, ELASTIC_KNOTS)) * ranges.elastic
    return grid.add_(smooth_field(knots, size).permute(0, 2, 3, 1))


def smooth_field(knots: Tensor, size: Sequence[int]) -> Tensor:
    """Return a smooth field ``[b, c, y, x]`` through about these knots ``[b, c, ky, kx]``.

    Two small matrix products with Gaussian weights that sum to one: ten times quicker than a bicubic
    interpolation.
    """
    bases = []
    for side, count in zip(size, knots.shape[-2:], strict=True):
        place = torch.linspace(0, count - 1, side, device=knots.device)
        weights = torch.exp(-((place[:, None] - torch.arange(count, device=knots.device)) ** 2) / 0.72)
        bases.append(weights / weights.sum(dim=1, keepdim=True))
    return bases[0] @ knots @ bases[1].T


def mix_neighbours(images: Tensor, draws: Draws, ranges: Ranges = TRANSFER) -> Tensor:
    """Mix each slice with its upper or lower neighbour, as thicker slices would; the label stays."""
    if images.shape[1] == 1:
        return images
    count = len(images)
    weight = draws.uniform(0, ranges.mixing, (count,)) * draws.chance(0.5, count)
    upwards = draws.chance(0.5, count).reshape(-1, 1, 1, 1)
    above = torch.cat([images[:, 1:], images[:, -1:]], dim=1)
    below = torch.cat([images[:, :1], images[:, :-1]], dim=1)
    neighbour = torch.lerp(below, above, upwards)
    return torch.lerp(images, neighbour, weight.reshape(-1, 1, 1, 1))


def degrade(images: Tensor, draws: Draws, ranges: Ranges = TRANSFER) -> Tensor:
    """Change contrast, resolution, noise and calibration of HU ``[b, slices, y, x]``."""
    images = _contrast(images, draws, ranges)
    images = _resolution(images, draws, ranges)
    images = images + _noise(images, draws, ranges) + _streaks(images, draws, ranges)
    count = len(images)
    gain = 1 + draws.uniform(-ranges.gain, ranges.gain, (count, 1, 1, 1))
    offset = draws.uniform(-ranges.offset_hu, ranges.offset_hu, (count, 1, 1, 1))
    return (images - AIR_HU) * gain + (AIR_HU + offset)


def change_grey(grey: Tensor, draws: Draws, brightness: float, contrast: float) -> Tensor:
    """Change brightness and contrast of grey values 0..1 ``[b, slices, y, x]`` by up to these parts.

    All slices of a sample are changed alike, the contrast about the sample's mean.
    """
    one = (len(grey), 1, 1, 1)
    factor = draws.uniform(1 - brightness, 1 + brightness, one)
    stretch = draws.uniform(1 - contrast, 1 + contrast, one)
    middle = grey.mean(dim=(1, 2, 3), keepdim=True)
    return (((grey - middle) * stretch + middle) * factor).clamp(0, 1)


def _contrast(images: Tensor, draws: Draws, ranges: Ranges) -> Tensor:
    """Gamma over -1100..300 HU and a smooth HU field, as uneven beam hardening leaves it."""
    low, span = -1100.0, 1400.0
    count = len(images)
    exponent = draws.uniform(-ranges.gamma, ranges.gamma, (count,)) * draws.chance(0.3, count)
    chosen = torch.nonzero(exponent).flatten().tolist()
    if chosen:
        images = images.clone()
    for sample in chosen:
        scaled = ((images[sample] - low) / span).clamp(0, 1)
        images[sample] += (scaled ** float(torch.exp(exponent[sample])) - scaled) * span
    knots = draws.normal((count, 1, FIELD_KNOTS, FIELD_KNOTS))
    amount = ranges.field_hu * draws.uniform(0, 1, (count,)) * draws.chance(0.4, count)
    return images + smooth_field(knots * amount.reshape(-1, 1, 1, 1), images.shape[-2:])


def _resolution(images: Tensor, draws: Draws, ranges: Ranges) -> Tensor:
    """Blur per axis, sharpen, or take resolution away, sample by sample."""
    count = len(images)
    sigma = draws.uniform(0, ranges.blur_pixels, (count, 2)).tolist()
    choice = draws.uniform(0, 1, (count,)).tolist()
    amount = draws.uniform(0, ranges.sharpening, (count,)).tolist()
    factor = draws.uniform(ranges.lowest_resolution, 0.9, (count,)).tolist()
    changed = []
    for index, image in enumerate(torch.split(images, 1)):
        if choice[index] < 0.35:
            changed.append(blur(image, sigma[index][0], sigma[index][1]))
        elif choice[index] < 0.6:
            changed.append(image + amount[index] * (image - blur(image, 1.0, 1.0)))
        elif choice[index] < 0.72:
            changed.append(_coarser(image, factor[index]))
        else:
            changed.append(image)
    return torch.cat(changed)


def blur(images: Tensor, sigma_y: float, sigma_x: float) -> Tensor:
    """Return ``[b, c, y, x]`` smoothed by Gaussians of these sigmas in pixels; the edge value goes on."""
    for sigma, axis in ((sigma_y, 2), (sigma_x, 3)):
        images = _smooth_along(images, sigma, axis)
    return images


def _smooth_along(images: Tensor, sigma: float, axis: int) -> Tensor:
    """Add shifted copies: for kernels of three to seven taps quicker than a convolution on a CPU."""
    reach = min(3, math.ceil(2 * sigma))
    weights = [math.exp(-0.5 * (step / max(sigma, 1e-6)) ** 2) for step in range(reach + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    size = images.shape[axis]
    padding = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
    padded = functional.pad(images, padding, mode="replicate")
    result = images * (weights[0] / total)
    for step in range(1, reach + 1):
        for start in (reach - step, reach + step):
            result.add_(padded.narrow(axis, start, size), alpha=weights[step] / total)
    return result


def _coarser(image: Tensor, factor: float) -> Tensor:
    size = [max(8, round(side * factor)) for side in image.shape[-2:]]
    small = functional.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
    return functional.interpolate(small, list(image.shape[-2:]), mode="bilinear", align_corners=False)


def _noise(images: Tensor, draws: Draws, ranges: Ranges) -> Tensor:
    """Noise of four fifths of the samples, correlated over 0 to 1 pixel, its deviation in HU."""
    count = len(images)
    low, high = ranges.noise_hu
    deviation = torch.exp(draws.uniform(math.log(low), math.log(high), (count,))) * draws.chance(0.8, count)
    sigma = draws.uniform(0, 1, (count,)).tolist()
    noise = draws.normal(images.shape)
    made = []
    for index, sample in enumerate(torch.split(noise, 1)):
        smooth = blur(sample, sigma[index], sigma[index]) if sigma[index] > 0.3 else sample
        made.append(smooth * (deviation[index] / smooth.std()))
    return torch.cat(made)


def _streaks(images: Tensor, draws: Draws, ranges: Ranges) -> Tensor:
    """Horizontal streaks in a tenth of the samples, as photon starvation at the shoulders leaves them."""
    count, slices, height, width = images.shape
    amount = draws.uniform(0, ranges.streaks_hu, (count,)) * draws.chance(0.1, count)
    rows = draws.normal((count, slices, height, 1))
    knots = draws.normal((count, 1, FIELD_KNOTS, FIELD_KNOTS)).abs() * amount.reshape(-1, 1, 1, 1)
    return rows * smooth_field(knots, (height, width))
