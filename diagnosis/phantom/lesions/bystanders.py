"""Emphysema and nodules: what lungs have besides pneumonia."""

from __future__ import annotations

import math

import numpy as np
import torch

from diagnosis.phantom.disease import Negatives
from diagnosis.phantom.lesions.canvas import Canvas
from diagnosis.phantom.lesions.lattice import REACH_MM, Lattice, axes_in, box_of
from diagnosis.phantom.lesions.places import Floats, places_in
from diagnosis.phantom.lesions.shapes import Ball, ball_coverage
from diagnosis.phantom.randomness import Randomness
from diagnosis.results import EMPHYSEMA, NODULE

_HOLE_MM = 11.0
"""Wavelength: holes in the middle of secondary lobules, 3 to 8 mm wide."""
_HOLE_HU = -982.0
_MOST_DESTROYED = 0.55
"""Of the apex of the worst lungs."""
_BULLA_HU, _BULLA_WALL_HU, _BULLA_WALL_MM = -992.0, -300.0, 1.1
_CALCIFIED, _SUBSOLID = 0.1, 0.22
"""Of all nodules."""


def paint_emphysema(canvas: Canvas, negatives: Negatives, lattice: Lattice, randomness: Randomness) -> None:
    """Paint centrilobular holes, most at the apex, and bullae under the pleura."""
    if negatives.emphysema <= 0:
        return
    stream = randomness.stream("emphysema")
    whole = box_of(canvas.lobes > 0)
    if whole is None:
        return
    axes = axes_in(canvas.axes, whole)
    holes = stream.smooth_field(axes, _HOLE_MM, canvas.grid.device, reach_mm=REACH_MM)
    patchy = stream.smooth_field(axes, 60.0, canvas.grid.device)
    height = (axes[0] - axes[0][0]) / max(float(axes[0][-1] - axes[0][0]), 1.0)
    destroyed = negatives.emphysema * _MOST_DESTROYED * (0.12 + 0.88 * height**1.3)
    limit = math.sqrt(2.0) * torch.erfinv(1.0 - 2.0 * destroyed.double()).float()
    weight = (0.5 + 2.2 * (holes + 0.4 * patchy - limit[:, None, None])).clamp_(0.0, 1.0)
    weight *= canvas.lobes[whole] > 0
    canvas.fill(whole, 0.9 * weight, _HOLE_HU)
    canvas.label(whole, weight > 0.5, EMPHYSEMA)
    _paint_bullae(canvas, negatives.bullae, lattice, stream)


def _paint_bullae(canvas: Canvas, count: int, lattice: Lattice, stream: Randomness) -> None:
    places = places_in(lattice, stream)
    weight = np.exp(-3.5 * places.low - np.maximum(places.costal_mm, 0.0) / 4.0)
    for place in places.first(weight, count):
        centre, own = places.points[place], stream.stream(str(places.number[place]))
        random = own.numpy
        radius = float(random.uniform(4.0, 20.0) * random.uniform(0.5, 1.0))
        found = ball_coverage(canvas, Ball(centre, radius, 0.1), own)
        if found is None:
            continue
        box, share = found
        share = share * (canvas.lobes[box] > 0)
        wall = 4.0 * share * (1.0 - share) * min(1.0, _BULLA_WALL_MM / canvas.grid.spacing_mm[1])
        canvas.cover(box, share, _BULLA_HU)
        canvas.cover(box, wall, _BULLA_WALL_HU)
        canvas.label(box, share > 0.5, EMPHYSEMA)


def paint_nodules(canvas: Canvas, negatives: Negatives, lattice: Lattice, randomness: Randomness) -> None:
    """Paint nodules of every density, and a spiculated mass where there is one."""
    if not negatives.nodules:
        return
    stream = randomness.stream("nodules")
    places = places_in(lattice, stream)
    chosen = places.first(np.ones(len(places.draw)), negatives.nodules + negatives.mass)
    for rank, place in enumerate(chosen):
        own = stream.stream(str(places.number[place]))
        random = own.numpy
        radius = float(np.clip(np.exp(random.normal(1.2, 0.5)), 1.6, 11.0))
        roughness = float(random.uniform(0.0, 0.18))
        if negatives.mass and rank == 0:
            radius, roughness = float(random.uniform(13.0, 27.0)), float(random.uniform(0.12, 0.28))
        _paint_nodule(canvas, places.points[place], radius, roughness, own)


def _paint_nodule(
    canvas: Canvas, centre: Floats, radius: float, roughness: float, stream: Randomness
) -> None:
    random = stream.numpy
    kind, solid = float(random.random()), float(random.uniform(10.0, 65.0))
    hu = solid
    if radius < 12.0 and kind < _CALCIFIED:
        hu = float(random.uniform(180.0, 600.0))
    elif radius < 12.0 and kind < _CALCIFIED + _SUBSOLID:
        hu = float(random.uniform(-650.0, -350.0))
    found = ball_coverage(canvas, Ball(centre, radius, roughness), stream)
    if found is None:
        return
    box, share = found
    share = share * (canvas.lobes[box] > 0)
    canvas.cover(box, share, hu)
    canvas.label(box, share > 0.5, NODULE)
