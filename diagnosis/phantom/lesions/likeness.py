"""How much the lungs look like COVID-19 on CT: five steps after CO-RADS (Prokop et al., Radiology 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from diagnosis.phantom.disease import Disease
from diagnosis.phantom.lesions.lattice import Box
from diagnosis.results import CONSOLIDATION, OTHER_INFECTION

if TYPE_CHECKING:
    from diagnosis.phantom.chest import Chest

_TRACE = 0.0005
_SMALL = 0.01
_ONE_LOBE, _LOBAR_SOLID, _MOSTLY_SOLID, _MANY_BUDS = 0.75, 0.4, 0.6, 0.05
_ONE_SIDE = 0.92
_SUBPLEURAL_MM, _PERIPHERAL = 25.0, 0.6


def co_rads(labels: Tensor, chest: Chest, disease: Disease, box: Box) -> int:
    """Return 1 to 5 for the lesion labels in the box of the lungs.

    1 no infection; 2 lobar or nothing but consolidation, or tree-in-bud; 3 less than 1 % of the lungs, or
    central ground glass; 4 one-sided and peripheral; 5 both-sided and peripheral.
    """
    lungs, lobes = chest.lungs[box] > 0, chest.lobes[box]
    infected = (labels > 0) & (labels <= OTHER_INFECTION) & lungs
    count = int(infected.sum())
    share = count / max(int(lungs.sum()), 1)
    if disease.pattern == "none" or share < _TRACE:
        return 1
    kinds = torch.bincount(labels[infected].long(), minlength=5) / count
    lobe = torch.bincount(lobes[infected].long(), minlength=6) / count
    right = float(lobe[1:4].sum())
    peripheral = float((chest.costal_mm[box][infected] < _SUBPLEURAL_MM).float().mean()) > _PERIPHERAL
    solid = float(kinds[CONSOLIDATION])
    lobar = solid > _MOSTLY_SOLID or (float(lobe.max()) > _ONE_LOBE and solid > _LOBAR_SOLID)
    if lobar or float(kinds[OTHER_INFECTION]) > _MANY_BUDS:
        return 2
    if share < _SMALL or not peripheral:
        return 3
    return 4 if max(right, 1.0 - right) > _ONE_SIDE else 5
