"""Where the multi-scale classifier sees disease (Hu et al., 2020): class maps, saliency, boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from skimage.filters import threshold_isodata
from torch import Tensor

from diagnosis.explanation.integrated_gradients import STEPS, integrated_gradients
from diagnosis.preprocessing.resampling import block_affine
from diagnosis.systems.multiscale.network import MultiscaleNetwork, stride_of
from diagnosis.systems.multiscale.spec import CLASSES, NP, Level
from diagnosis.volume import Affine, BoolArray, FloatArray

GAUSSIAN_SIGMA = 1.1
"""Of a 5 x 5 kernel, in pixels. Not published: what OpenCV derives from the size of the kernel."""
LEAST_AREA = 0.001
"""Part of the image a component must have to get a box. Not published."""
_GAUSSIAN_RADIUS = 2
_CLOSING = np.ones((3, 3), bool)
_TOUCHING = np.ones((3, 3), bool)


def class_evidence(maps: FloatArray, class_name: str) -> FloatArray:
    """Return what speaks for a class in class maps ``[n, classes, y, x]``, as ``[n, y, x]``, never negative.

    It is how far the score of the class passes that of NP at each place: the softmax makes scores of one
    class mean nothing by themselves.
    """
    margin = maps[:, CLASSES.index(class_name)] - maps[:, CLASSES.index(NP)]
    return np.asarray(np.maximum(margin, 0.0), dtype=np.float32)


def map_affine(affine: Affine, level: Level) -> Affine:
    """Return where the cells of a class map lie, given the affine of the input.

    Convolutions keep their place and pools join pairs, so a cell lies in the middle of its block of pixels.
    """
    return block_affine(affine, (1, stride_of(level), stride_of(level)))


def joint_saliency(
    network: MultiscaleNetwork, image: Tensor, class_name: str, *, steps: int = STEPS, at_once: int = 1
) -> FloatArray:
    """Return the joint saliency ``[y, x]`` of one slice ``[1, 1, y, x]``, signed.

    The product, pixel by pixel, of the integrated gradients of the scores that the class has at each level.
    The network computes in its own number format; the path and the sums are those of the image.
    """
    number_format = next(network.parameters()).dtype

    def scores(images: Tensor) -> Sequence[Tensor]:
        maps = network.maps(images.to(number_format))
        return [of_level[:, CLASSES.index(class_name)].amax(dim=(1, 2)) for of_level in maps.values()]

    found = integrated_gradients(scores, image, steps=steps, at_once=at_once)
    return np.asarray(torch.stack(found).float().prod(dim=0)[0, 0].cpu().numpy(), dtype=np.float32)


def blurred(saliency: FloatArray) -> FloatArray:
    """Return the size of a saliency ``[y, x]``, smoothed with a 5 x 5 Gaussian kernel."""
    return np.asarray(
        ndimage.gaussian_filter(np.abs(saliency), GAUSSIAN_SIGMA, radius=_GAUSSIAN_RADIUS), dtype=np.float32
    )


def salient(smooth: FloatArray) -> BoolArray:
    """Return the mask ``[y, x]`` of what stands out in a blurred saliency.

    Isodata threshold over the whole slice, closing by 3 x 3 pixels, components (corners touch) of at least
    LEAST_AREA of the slice. Nothing stands out of a saliency that is the same everywhere.
    """
    if smooth.min() == smooth.max():
        return np.zeros(smooth.shape, dtype=bool)
    scaled = smooth / smooth.max()
    above = scaled > threshold_isodata(scaled)  # type: ignore[no-untyped-call]
    closed = ndimage.binary_erosion(ndimage.binary_dilation(above, _CLOSING), _CLOSING, border_value=1)
    labels, _ = ndimage.label(closed, _TOUCHING)
    large = np.bincount(labels.ravel()) >= LEAST_AREA * smooth.size
    large[0] = False
    return np.asarray(large[labels])


def boxes_around(mask: BoolArray) -> list[tuple[slice, slice]]:
    """Return the smallest upright rectangle (y, x) around each component of a mask, corners touch."""
    labels, _ = ndimage.label(mask, _TOUCHING)
    return [(y, x) for y, x in ndimage.find_objects(labels)]
