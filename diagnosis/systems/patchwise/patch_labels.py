"""Which patches are infected, as the patch networks are taught it (Ghavami Modegh et al., section 2.7.2).

Where nobody outlined anything the paper's semi-infection labels stand in: suspicious density in scans of the
diseased, nothing in healthy ones. What a reader outlined or rejected replaces them in that study, and what
nobody judged there is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from diagnosis.results import INFECTED_VALUES
from diagnosis.systems.patchwise.patches import COARSE, Patches, coarse_patches
from diagnosis.systems.study_outlines import UNKNOWN

COARSE_DENSITY = 1 / 3
FINE_DENSITY = 3 / 4
"""A patch is infected from that part of its pixels on."""
_KNOWN = 0.7
"""Part of a patch that must be judged for the patch to count in a judged study."""
_LEAST_PIXELS = 4
"""Infected pixels from which a lung counts as ill; fewer leave it open."""


class Teaching(NamedTuple):
    """What is known of lungs ``[n, y, x]``, all uint8 planes, and of the studies they belong to, ``[n]``.

    ``mask``: the lung. ``truth``: lesion values, UNKNOWN where nothing is known. ``suspicious``: 1 where
    density is. ``look``: numbers of regions that hold a lesion somewhere. ``diseased``: 1, 0, or -1 where
    the study has no class. ``judged``: whether its voxels were judged, so that semi-infection labels are
    off.
    """

    mask: Tensor
    truth: Tensor
    suspicious: Tensor
    look: Tensor
    diseased: Tensor
    judged: Tensor


class PatchLabels(NamedTuple):
    """``[n, y, x]`` on the grid of the patches: infected (0 or 1), whether that counts, and whether it is a
    semi-infection label of a diseased scan, which may be wrong."""

    infected: Tensor
    counted: Tensor
    semi: Tensor


def patch_labels(taught: Teaching, patches: Patches, density: float) -> PatchLabels:
    """Return the labels of patches: infected where more than ``density`` of the pixels are."""
    infected, known = _shares(taught.truth, patches)
    suspicious = _share((taught.suspicious > 0).float(), patches) > density
    judged = taught.judged[:, None, None] > 0
    healthy = taught.diseased[:, None, None] == 0
    diseased = taught.diseased[:, None, None] == 1
    by_voxels = judged & (known >= _KNOWN)
    semi = (~judged & diseased).expand_as(by_voxels)
    found = torch.where(by_voxels, infected > density * known, suspicious & semi)
    return PatchLabels(found.float(), by_voxels | semi | healthy, semi)


def covered(coarse: Tensor, patches: Patches) -> Tensor:
    """Return which patches ``[n, y, x]`` lie, with their middle, in a coarse patch that is True.

    ``coarse`` is bool ``[n, y / 8, x / 8]``.
    """
    large = coarse_patches(COARSE.stride * coarse.shape[-1])
    kernel = torch.ones(1, 1, large.size, large.size, device=coarse.device)
    pixels = functional.conv_transpose2d(
        coarse[:, None].float(), kernel, stride=large.stride, padding=large.before
    )
    middle = patches.size // 2 - patches.before
    return pixels[:, 0, middle :: patches.stride, middle :: patches.stride] > 0


def lungs_by_voxels(taught: Teaching) -> Tensor:
    """Return int64 ``[n]``: 1 where the lung holds infected voxels, 0 where it holds none, else -1.

    -1 stands for lungs whose voxels are not known, and those with hardly any that are infected.
    """
    inside = taught.mask > 0
    known = ((taught.truth != UNKNOWN) & inside).sum(dim=(1, 2))
    infected = (_infected(taught.truth) & inside).sum(dim=(1, 2))
    healthy = (infected == 0) & (known >= _KNOWN * inside.sum(dim=(1, 2))) & (taught.judged > 0)
    ill = infected >= _LEAST_PIXELS
    return torch.where(ill, 1, torch.where(healthy | (taught.diseased == 0), 0, -1)).long()


def shares_of(truth: Tensor, values: tuple[int, ...], patches: Patches) -> tuple[Tensor, Tensor]:
    """Return the share of each lesion value among the known pixels of every patch ``[n, k, y, x]``, and
    which patches are known (0 or 1) ``[n, 1, y, x]``."""
    planes = torch.stack([(truth == value).float() for value in values], dim=1)
    known = _share((truth != UNKNOWN).float(), patches)[:, None]
    shares = _means(planes, patches) / known.clamp_min(1e-3)
    return shares, (known >= _KNOWN).float()


def _shares(truth: Tensor, patches: Patches) -> tuple[Tensor, Tensor]:
    return _share(_infected(truth).float(), patches), _share((truth != UNKNOWN).float(), patches)


def _infected(truth: Tensor) -> Tensor:
    return (truth >= min(INFECTED_VALUES)) & (truth <= max(INFECTED_VALUES))


def _share(plane: Tensor, patches: Patches) -> Tensor:
    return _means(plane[:, None], patches)[:, 0]


def _means(planes: Tensor, patches: Patches) -> Tensor:
    """Mean of planes ``[n, k, y, x]`` over each patch; what sticks out of the image is not counted."""
    return functional.avg_pool2d(
        planes, patches.size, patches.stride, patches.before, count_include_pad=False
    )
