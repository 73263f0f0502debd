"""Infection that follows the airways: buds at their ends, thick walls, wide bronchi, cavities."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diagnosis.phantom.airways import airway_tensors
from diagnosis.phantom.chest import LUMEN_HU
from diagnosis.phantom.disease import Disease
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.lesions.canvas import Canvas
from diagnosis.phantom.lesions.foci import Foci
from diagnosis.phantom.lesions.lattice import Box, Lattice, axes_in, box_of
from diagnosis.phantom.lesions.places import Floats
from diagnosis.phantom.lesions.shapes import Ball, ball_coverage
from diagnosis.phantom.lesions.spread import Spread
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.rasteriser import capsules
from diagnosis.phantom.tree import Tree
from diagnosis.results import CONSOLIDATION, GROUND_GLASS, OTHER_INFECTION

_BUD_SHARE = 0.22
"""Of the infected volume that buds make up where all terminals near a patch are filled."""
_BUD_ML = 0.22
"""Lung that one cluster of buds makes opaque."""
_MOST_BUDS = 420
_AHEAD = 0.5
"""Buds lie where the patches would arrive within this time."""
_CLUSTER_MM = 32.0
_STEM_MM = 8.0
_SIDE_BUDS = 4
_BUD_HU, _HAZE_HU = 25.0, -640.0
_INFLAMED_WALL_HU = 25.0
_FULL_WALLS = 0.06
"""Infected share of the lungs from which on bronchi are as thick as the disease allows."""
_INVOLVED = 0.02
"""Infected share of a lobe that makes its bronchi sick."""
_BRONCHOGRAM_MM = (0.55, 1.5)
"""Radius of arteries beside which bronchi are only seen when the lung around them is solid."""
_OPEN = -0.1
"""Most of them are: the others are filled."""
_CAVITY_HU, _RIM_HU = -965.0, 28.0


def paint_buds(
    canvas: Canvas, disease: Disease, spread: Spread, lattice: Lattice, randomness: Randomness
) -> None:
    """Paint tree-in-bud: filled bronchioles at the tips of arteries near the patches, in clusters."""
    stream = randomness.stream("buds")
    tree = _bud_tree(canvas, disease, spread, lattice, stream)
    if tree is None:
        return
    box = _box_of_tree(canvas, tree, 7.0)
    if box is None:
        return
    grid = _sub_grid(canvas, box)
    lung = canvas.lobes[box] > 0
    share = capsules(tree, grid).mul_(lung)
    haze = capsules(tree.subset(tree.terminal), grid, radius_offset_mm=1.8).mul_(
        canvas.painted_lobes[box] > 0
    )
    canvas.fill(box, 0.55 * haze, _HAZE_HU)
    canvas.cover(box, share, _BUD_HU)
    free = (canvas.labels[box] == 0) | (canvas.labels[box] == GROUND_GLASS)
    canvas.label(box, free & ((share > 0.35) | (haze > 0.5)), OTHER_INFECTION)


def paint_bronchi(canvas: Canvas, disease: Disease, spread: Spread, lattice: Lattice) -> None:
    """Thicken and widen the bronchi of the involved lobes; what was added to their walls is infection."""
    sick = disease.airways
    lobes = _involved_lobes(spread, lattice)
    if (sick.wall_scale == 1.0 and sick.lumen_scale == 1.0) or not lobes:
        return
    strength = min(1.0, disease.infected_fraction / _FULL_WALLS)
    airways = canvas.chest.vasculature.airways
    branches = airways.subset(np.isin(airways.lobe, lobes))
    if not len(branches):
        return
    box = _box_of_tree(canvas, branches, 12.0)
    if box is None:
        return
    wall_scale = 1.0 + (sick.wall_scale - 1.0) * strength
    lumen_scale = 1.0 + (sick.lumen_scale - 1.0) * strength
    lumen, walls = airway_tensors(branches, _sub_grid(canvas, box), wall_scale, lumen_scale)
    lung = canvas.lobes[box] > 0
    canvas.cover(box, walls * lung, _INFLAMED_WALL_HU)
    canvas.cover(box, lumen * lung, LUMEN_HU)
    if sick.wall_scale == 1.0:
        return
    added = (walls > 0.5) & (canvas.chest.airway_walls[canvas.box][box] < 0.5) & (canvas.labels[box] == 0)
    canvas.label(box, added, OTHER_INFECTION)


def paint_bronchograms(
    canvas: Canvas, disease: Disease, spread: Spread, lattice: Lattice, randomness: Randomness
) -> None:
    """Paint air in small bronchi that runs through consolidation, where they are not filled.

    The arteries beside them can not be seen there, so the air is drawn in their place.
    """
    arteries = canvas.chest.vasculature.arteries
    small, large = _BRONCHOGRAM_MM
    seen = (arteries.radius_start > small) & (arteries.radius_start < large)
    tree = arteries.subset(seen & np.isin(arteries.lobe, _involved_lobes(spread, lattice)))
    box = box_of(canvas.labels == CONSOLIDATION)
    if box is None or not len(tree):
        return
    air = capsules(tree, _sub_grid(canvas, box), radius_scale=0.75, radius_offset_mm=0.1)
    open_ones = randomness.stream("bronchograms").smooth_field(lattice.axes, 25.0, canvas.grid.device)
    threshold = _OPEN if disease.by_airways else 0.8
    whole = tuple(slice(0, size) for size in lattice.grid.shape)
    axes = axes_in(canvas.axes, box)
    open_here = lattice.onto(axes, open_ones[None], (whole[0], whole[1], whole[2]))[0] > threshold
    canvas.cover(box, air * (open_here & (canvas.labels[box] == CONSOLIDATION)), LUMEN_HU)


def paint_cavities(
    canvas: Canvas, disease: Disease, foci: Foci, spread: Spread, randomness: Randomness
) -> None:
    """Paint holes with a solid wall into the oldest foci that are large enough."""
    stream = randomness.stream("cavities")
    random = stream.numpy
    for focus in range(min(disease.airways.cavities, len(foci))):
        share, wall_mm = float(random.uniform(0.35, 0.75)), float(random.uniform(1.8, 4.5))
        roughness = float(random.uniform(0.05, 0.18))
        size = float(foci.semi_mm[focus].min()) * max(spread.now - float(foci.onset[focus]), 0.0) ** 0.6
        radius = min(share * size, 17.0)
        if radius < 3.0:
            continue
        centre = foci.centre[focus] + foci.frame[focus][0] * radius
        # The same waves shape hole and wall.
        wall = ball_coverage(canvas, Ball(centre, radius + wall_mm, roughness), stream.stream(f"{focus}"))
        hole = ball_coverage(canvas, Ball(centre, radius, roughness), stream.stream(f"{focus}"))
        if wall is None or hole is None:
            continue
        _paint_shell(canvas, wall, hole, int(foci.lobe[focus]))


def _paint_shell(canvas: Canvas, wall: tuple[Box, Tensor], hole: tuple[Box, Tensor], lobe: int) -> None:
    for (box, share), hu in ((wall, _RIM_HU), (hole, _CAVITY_HU)):
        inside = share * (canvas.lobes[box] == lobe)
        canvas.cover(box, inside, hu)
        canvas.label(box, inside > 0.5, CONSOLIDATION)


def _bud_tree(
    canvas: Canvas, disease: Disease, spread: Spread, lattice: Lattice, stream: Randomness
) -> Tree | None:
    """Rods and balls of the filled bronchioles."""
    arteries = canvas.chest.vasculature.arteries
    tips = arteries.subset(arteries.terminal)
    ends = tips.end[:, ::-1].astype(np.float64)
    order = stream.numpy.random(len(tips))
    clusters = stream.smooth_field(lattice.axes, _CLUSTER_MM)
    key = _arrival_at(ends, spread, lattice) + 0.35 * order - 0.25 * lattice.at(clusters, ends)
    lung_ml = lattice.lung_cells * lattice.grid.voxel_ml
    wanted = disease.airways.tree_in_bud * _BUD_SHARE * disease.infected_fraction * lung_ml / _BUD_ML
    chosen = np.argsort(key, kind="stable")[: min(round(wanted), _MOST_BUDS)]
    chosen = chosen[key[chosen] < spread.now + _AHEAD]
    return _buds_on(tips, chosen, stream) if len(chosen) else None


def _buds_on(tips: Tree, chosen: NDArray[np.intp], stream: Randomness) -> Tree:
    """A stem along the last bit of each artery, and balls around its tip."""
    random = np.random.Generator(np.random.PCG64(int(stream.numpy.integers(2**32))))
    # Drawn for every tip, so that a tip has the same buds whatever else is chosen.
    radius = random.uniform(1.1, 2.2, (len(tips), _SIDE_BUDS + 1)).astype(np.float32)
    shift = random.normal(0.0, 2.4, (len(tips), _SIDE_BUDS + 1, 3)).astype(np.float32)
    shift[:, 0] = 0.0
    end = tips.end[chosen]
    back = tips.start[chosen] - end
    length = np.maximum(np.linalg.norm(back, axis=1, keepdims=True), 1e-3)
    start = end + back / length * np.minimum(length, _STEM_MM)
    balls = (end[:, None] + shift[chosen]).reshape(-1, 3)
    ball_radius = radius[chosen].reshape(-1)
    stem_radius = np.full(len(chosen), 0.9, np.float32)
    count = len(chosen) + len(balls)
    return Tree(
        start=np.concatenate([start, balls]).astype(np.float32),
        end=np.concatenate([end, balls + np.float32(0.2)]).astype(np.float32),
        radius_start=np.concatenate([stem_radius, ball_radius]),
        radius_end=np.concatenate([stem_radius, ball_radius]),
        lobe=np.concatenate([tips.lobe[chosen], np.repeat(tips.lobe[chosen], _SIDE_BUDS + 1)]),
        terminal=np.arange(count) >= len(chosen),
        generation=np.zeros(count, np.int32),
        parent=np.full(count, -1, np.int32),
    )


def _arrival_at(points: Floats, spread: Spread, lattice: Lattice) -> Floats:
    """When the infection arrives at points ``[n, 3]`` (z, y, x mm)."""
    whole = torch.full(lattice.lobes.shape, 1e4)
    for lobe, part in spread.lobes.items():
        inside = (lattice.lobes[part.box] == lobe).cpu()
        whole[part.box][inside] = part.arrival.cpu()[inside]
    return lattice.at(whole, points)


def _involved_lobes(spread: Spread, lattice: Lattice) -> list[int]:
    infected = spread.infected(lattice)
    counts = torch.bincount(lattice.lobes.flatten().long(), minlength=6)
    sick = torch.bincount(lattice.lobes[infected].long(), minlength=6)
    return [lobe for lobe in range(1, 6) if int(sick[lobe]) > _INVOLVED * max(int(counts[lobe]), 1)]


def _box_of_tree(canvas: Canvas, tree: Tree, margin_mm: float) -> Box | None:
    points = np.concatenate([tree.start, tree.end])[:, ::-1]
    box = canvas.box_of_mm(points.min(axis=0) - margin_mm, points.max(axis=0) + margin_mm)
    if box is None or box_of(canvas.lobes[box] > 0) is None:
        return None
    return box


def _sub_grid(canvas: Canvas, box: Box) -> Grid:
    z, y, x = axes_in(canvas.axes, box)
    first = (float(z[0]), float(y[0]), float(x[0]))
    return Grid((len(z), len(y), len(x)), canvas.grid.spacing_mm, first, canvas.grid.device)
