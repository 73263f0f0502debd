"""What a scanner cannot see: the point spread in plane and the thickness of a slice."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, erf, sqrt

import torch
from torch import Tensor
from torch.nn.functional import pad

_REACH = 2.6
"""In standard deviations: what a Gaussian holds beyond (1 %) is given to the rest."""
_SMALLEST_SIGMA = 0.05
_THINNEST = 0.01
"""Of a slice in spacings: a slice without thickness is the plane itself."""
_NEGLIGIBLE = 0.008
"""Share of a slice below which a plane is not worth reading."""

Weights = tuple[float, ...]


def gaussian_weights(sigma_pixels: float) -> Weights:
    """Return an odd number of weights with sum 1: a Gaussian averaged over each pixel's width."""
    scale = max(sigma_pixels, _SMALLEST_SIGMA) * sqrt(2)
    reach = max(1, ceil(_REACH * sigma_pixels))
    whole = [erf((place + 0.5) / scale) - erf((place - 0.5) / scale) for place in range(-reach, reach + 1)]
    return tuple(weight / sum(whole) for weight in whole)


def blurred(images: Tensor, weights: Weights) -> Tensor:
    """Return images ``[n, y, x]`` smoothed with the same weights along y and x; the rim is repeated.

    Shifted copies are added one after the other: on images that fit the cache this is faster than a
    convolution of one channel, and its result does not depend on the number of threads.
    """
    reach = len(weights) // 2
    height, width = images.shape[1:]
    wide = pad(images[:, None], (reach, reach, 0, 0), mode="replicate")[:, 0]
    rows = wide[:, :, :width] * weights[0]
    for place, weight in enumerate(weights[1:], start=1):
        rows.add_(wide[:, :, place : place + width], alpha=weight)
    high = pad(rows[:, None], (0, 0, reach, reach), mode="replicate")[:, 0]
    result = high[:, :height] * weights[0]
    for place, weight in enumerate(weights[1:], start=1):
        result.add_(high[:, place : place + height], alpha=weight)
    return result


def slice_weights(thickness_mm: float, spacing_mm: float, samples: int) -> list[tuple[int, float]]:
    """Return (plane, weight) of the planes that make one slice; plane 0 is the first of the slice's own.

    ``samples`` planes lie evenly in each spacing. Between them the image is taken as linear, and it is
    averaged over the thickness.
    """
    step = spacing_mm / samples
    half = max(thickness_mm / 2, _THINNEST * spacing_mm) / step
    middle = (samples - 1) / 2
    reach = ceil(half) + 1
    planes = range(int(middle) - reach, int(middle) + reach + 2)
    weights = [(_under_triangle(half - (p - middle)) - _under_triangle(-half - (p - middle))) for p in planes]
    kept = [(p, w) for p, w in zip(planes, weights, strict=True) if w > _NEGLIGIBLE * sum(weights)]
    total = sum(w for _, w in kept)
    return [(p, w / total) for p, w in kept]


def averaged_slices(
    planes: Tensor, first: int, last: int, samples: int, weights: Sequence[tuple[int, float]]
) -> Tensor:
    """Return slices ``first`` to ``last`` (excluded) of planes ``[samples * z, y, x]``; ends are repeated."""
    numbers = torch.arange(first, last, device=planes.device) * samples
    result: Tensor | None = None
    for plane, weight in weights:
        part = planes[(numbers + plane).clamp(0, len(planes) - 1)]
        result = part.mul_(weight) if result is None else result.add_(part, alpha=weight)
    if result is None:
        raise ValueError("a slice is made of at least one plane")
    return result


def _under_triangle(end: float) -> float:
    """Area below ``end`` of the triangle of height 1 between -1 and 1."""
    end = min(max(end, -1.0), 1.0)
    return (end + 1) ** 2 / 2 if end < 0 else 1 - (1 - end) ** 2 / 2
