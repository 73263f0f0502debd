"""Ground glass, crazy paving and consolidation painted into the lungs."""

from __future__ import annotations

import torch
from torch import Tensor

from diagnosis.phantom.lesions.canvas import Canvas
from diagnosis.phantom.lesions.crazy_paving import net_at, seeds_of_net
from diagnosis.phantom.lesions.lattice import REACH_MM, Box, axes_in, union_of
from diagnosis.phantom.lesions.ripening import Fields, Ripening
from diagnosis.phantom.randomness import Randomness
from diagnosis.results import CONSOLIDATION, CRAZY_PAVING, GROUND_GLASS

_NET_HU = 230.0
_MOTTLE_MM, _MOTTLE_HU = 6.0, 28.0
_FRAYED = 0.12
"""Of a soft edge's width, by the finest noise."""
_VISIBLE_HU = 95.0
"""Ground glass is at least so much denser than the healthy lung around it."""
_GLASS_HU = (-780.0, -330.0)
_DENSEST_NET_HU = 0.0
_SOLID_BLEND = {True: 0.5, False: 1.3}
"""Width of the transition to consolidation in units of ripeness: where airways spread it, and elsewhere."""
_PATCHY = 0.18


def paint_infection(canvas: Canvas, ripening: Ripening, randomness: Randomness) -> None:
    """Paint every lobe's infection: HU into the parenchyma, values 1 to 3 into the labels."""
    reaches = {lobe: ripening.spread.reach(lobe) for lobe in ripening.spread.lobes}
    boxes: dict[int, tuple[Box, Box]] = {}
    for lobe, reach in reaches.items():
        if reach is not None:
            ends = [(float(axis[0]), float(axis[-1])) for axis in axes_in(ripening.lattice.axes, reach)]
            box = canvas.box_of_mm([low for low, _ in ends], [high for _, high in ends])
            if box is not None:
                boxes[lobe] = (reach, box)
    if not boxes:
        return
    whole = union_of([box for _, box in boxes.values()])
    mottle = randomness.stream("mottle").smooth_field(
        axes_in(canvas.axes, whole), _MOTTLE_MM, canvas.grid.device, reach_mm=REACH_MM
    )
    seeds = seeds_of_net(randomness.stream("net"))
    for lobe, (reach, box) in boxes.items():
        z, y, x = (slice(p.start - w.start, p.stop - w.start) for p, w in zip(box, whole, strict=True))
        on_lattice = ripening.fields(lobe, reach)
        stack = torch.stack([on_lattice.margin, on_lattice.solid, on_lattice.paved, on_lattice.glass_hu])
        fields = Fields(*ripening.lattice.onto(axes_in(canvas.axes, box), stack, reach))
        _paint_lobe(lobe, canvas, box, fields, mottle[z, y, x], ripening, seeds)


def _paint_lobe(
    lobe: int, canvas: Canvas, box: Box, fields: Fields, mottle: Tensor, ripening: Ripening,
    seeds: Tensor,
) -> None:  # fmt: skip
    """Paint one lobe; ``fields`` and ``mottle`` lie on the voxels of the box."""
    weight = (fields.margin + 0.5).add_(mottle, alpha=_FRAYED).clamp_(0.0, 1.0)
    weight *= canvas.share_of_lobe(box, lobe)
    solid = fields.solid > 0
    paved = (fields.paved > 0) & ~solid
    glass = torch.maximum(fields.glass_hu, canvas.healthy[box] + _VISIBLE_HU)
    glass.add_(mottle, alpha=_MOTTLE_HU).clamp_(*_GLASS_HU)
    _pave(glass, paved & (weight > 0), canvas, box, seeds)
    blend = _SOLID_BLEND[ripening.disease.by_airways]
    share = fields.solid.add(mottle, alpha=_PATCHY).div_(blend).add_(0.5).clamp_(0.0, 1.0)
    canvas.fill(box, weight, glass.lerp_(torch.full_like(glass, ripening.disease.consolidation_hu), share))
    infected = (fields.margin > 0) & (canvas.lobes[box] == lobe)
    canvas.label(box, infected, GROUND_GLASS)
    canvas.label(box, infected & paved, CRAZY_PAVING)
    canvas.label(box, infected & solid, CONSOLIDATION)


def _pave(glass: Tensor, where: Tensor, canvas: Canvas, box: Box, seeds: Tensor) -> None:
    index = where.nonzero()
    if not len(index):
        return
    axes = axes_in(canvas.axes, box)
    points = torch.stack([axis[index[:, place]] for place, axis in enumerate(axes)], dim=1)
    net = net_at(points, canvas.grid.spacing_mm[0], seeds)
    place = (index[:, 0], index[:, 1], index[:, 2])
    glass[place] = (glass[place] + _NET_HU * net).clamp_(max=_DENSEST_NET_HU)
