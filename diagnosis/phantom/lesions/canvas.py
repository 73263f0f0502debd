"""What lesions are painted on: the lungs of a chest, parenchyma apart from what runs through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from diagnosis.phantom.grid import Grid
from diagnosis.phantom.lesions.lattice import Box, axes_in
from diagnosis.phantom.randomness import Axes

if TYPE_CHECKING:
    from diagnosis.phantom.chest import Chest

_SOFT_TISSUE_HU = 50.0
Corner = Sequence[float] | NDArray[np.float64]
"""z, y, x in patient mm."""


@dataclass(slots=True)
class Canvas:
    """The box of the lungs, tensors ``[z, y, x]`` on its own grid.

    ``tissue`` is the HU of the parenchyma with the disease so far; ``labels`` the lesion values so far.
    ``lobes`` are the lobes inside the lungs; ``painted_lobes`` reach one pixel further, where a voxel holds
    some lung beside the chest wall: without it a dark line would stay around consolidation.
    """

    chest: Chest
    box: Box
    axes: Axes
    grid: Grid
    lobes: Tensor
    painted_lobes: Tensor
    healthy: Tensor
    tissue: Tensor
    labels: Tensor
    covers: list[tuple[Box, Tensor, Tensor]] = field(default_factory=list)

    def fill(self, box: Box, weight: Tensor, target: Tensor | float) -> None:
        """Move the parenchyma of a box towards ``target`` HU by ``weight`` (0 to 1); vessels stay."""
        part = self.tissue[box]
        part += weight * (target - part)

    def cover(self, box: Box, weight: Tensor, target: Tensor | float) -> None:
        """Replace all that is in the box, vessels too, once the parenchyma is done."""
        self.covers.append((box, weight, torch.as_tensor(target, device=weight.device)))

    def label(self, box: Box, where: Tensor, value: int) -> None:
        """Write a lesion value; places outside the lungs are left out."""
        part = self.labels[box]
        part[where & (self.lobes[box] > 0)] = value

    def share_of_lobe(self, box: Box, lobe: int) -> Tensor:
        """Return how much of the lung around each voxel belongs to a lobe: a fissure crosses pixels."""
        lobes = self.painted_lobes[box]
        own = functional.avg_pool2d((lobes == lobe).float()[:, None], 3, 1, 1)[:, 0]
        every = functional.avg_pool2d((lobes > 0).float()[:, None], 3, 1, 1)[:, 0]
        return own.div_(every.clamp_(min=1e-3)).mul_(lobes > 0)

    def box_of_mm(self, low: Corner, high: Corner) -> Box | None:
        """Return the box of the canvas between two corners, or None when it is empty."""
        parts = []
        for axis, start, stop in zip(self.axes, low, high, strict=True):
            inside = ((axis >= start) & (axis <= stop)).nonzero()
            if not len(inside):
                return None
            parts.append(slice(int(inside[0]), int(inside[-1]) + 1))
        return parts[0], parts[1], parts[2]

    def finished(self) -> tuple[Tensor, Tensor]:
        """Return labels and HU of the whole chest."""
        chest = self.chest
        hu = chest.hu.clone()
        own = hu[self.box]
        lumen = chest.lumen[self.box]
        _exchange(own, self.healthy, self.tissue, lumen)
        for box, weight, target in self.covers:
            part = own[box]
            part += weight * (target - part)
        labels = torch.zeros(chest.lungs.shape, dtype=torch.uint8, device=hu.device)
        labels[self.box] = self.labels
        return labels, hu


def canvas_of(chest: Chest, box: Box) -> Canvas:
    """Prepare the box of the lungs for painting."""
    z, y, x = axes = axes_in(chest.grid.axes(), box)
    shape = (len(z), len(y), len(x))
    grid = Grid(shape, chest.grid.spacing_mm, (float(z[0]), float(y[0]), float(x[0])), chest.grid.device)
    lobes = chest.lobes[box] * (chest.lungs[box] > 0)
    grown = functional.max_pool2d(lobes.half()[:, None], 3, stride=1, padding=1)[:, 0].to(torch.uint8)
    aerated = (chest.hu[box] < 0) & ~chest.effusion[box]
    painted = torch.where((lobes == 0) & aerated, grown, lobes)
    healthy = chest.parenchyma_hu[box].clone()
    return Canvas(chest, box, axes, grid, lobes, painted, healthy, healthy.clone(), torch.zeros_like(lobes))


def _exchange(hu: Tensor, healthy: Tensor, diseased: Tensor, lumen: Tensor) -> None:
    """Put diseased parenchyma into voxels that hold some parenchyma beside vessel, wall or chest wall.

    The share of parenchyma follows from the voxel's own HU between parenchyma and soft tissue; air in the
    bronchi stays. A voxel never leaves the range between what it was and the diseased parenchyma.
    """
    change = diseased - healthy
    parenchyma = ((_SOFT_TISSUE_HU - hu) / (_SOFT_TISSUE_HU - healthy)).clamp_(0.0, 1.0)
    parenchyma *= 1.0 - lumen
    low, high = torch.minimum(hu, diseased), torch.maximum(hu, diseased)
    changed = change != 0
    torch.where(changed, torch.clamp(hu + parenchyma * change, low, high), hu, out=hu)
