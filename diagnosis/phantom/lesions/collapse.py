"""Lung without air that is not infected: dependent bands, lung pressed by fluid, and plates."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from diagnosis.phantom.disease import Disease
from diagnosis.phantom.lesions.canvas import Canvas
from diagnosis.phantom.lesions.lattice import REACH_MM, STEP_MM, Lattice, axes_in, box_of
from diagnosis.phantom.lesions.places import places_in
from diagnosis.phantom.lesions.shapes import Plate, plate_coverage
from diagnosis.phantom.randomness import Randomness
from diagnosis.results import ATELECTASIS, LEFT_LUNG, RIGHT_LUNG

_SIDES = ((0, RIGHT_LUNG), (1, LEFT_LUNG))
_COLLAPSED_HU = 45.0
_LOOSE_HU = -420.0
"""Where a band begins: lung that still holds air, crowded."""
_CROWDED_VESSELS = 2.6
"""Vessels lie so much closer when the lung between them has shrunk."""
_VESSEL_HU = 48.0
_PRESSED_PER_MM = 0.45
"""Thickness of collapsed lung for each mm of fluid."""
_EDGE_MM = 5.0


def paint_dependent_bands(canvas: Canvas, disease: Disease, lattice: Lattice, randomness: Randomness) -> None:
    """Paint the bands that form at the back of the lower lungs in who lies still, with crowded vessels."""
    depths = disease.negatives.atelectasis_mm
    if max(depths) <= 0:
        return
    stream = randomness.stream("dependent")
    wavy = stream.smooth_field(lattice.axes, 38.0, lattice.grid.device)
    behind = -torch.gradient(lattice.costal_mm, spacing=STEP_MM, dim=1)[0]
    facing = ((behind - 0.35) / 0.45).clamp(0.0, 1.0)
    lungs = lattice.lobes > 0
    heights = lattice.axes[0][lungs.any(dim=2).any(dim=1)]
    low = (lattice.axes[0] - heights[0]) / (heights[-1] - heights[0])
    lower = (1.15 - low).clamp(0.25, 1.0)[:, None, None]
    thickness = torch.zeros_like(lattice.costal_mm)
    for number, side in _SIDES:
        thickness += (lattice.sides == side) * depths[number]
    margin = thickness * lower * facing * (1.0 + 0.35 * wavy) - lattice.costal_mm
    margin = torch.where(thickness * facing > 1.0, margin, -STEP_MM)
    _paint_margin(canvas, lattice, margin, max(depths), stream)


def paint_pressed_lung(canvas: Canvas, disease: Disease, lattice: Lattice, randomness: Randomness) -> None:
    """Paint the lung that pleural fluid has pressed empty, beside the fluid."""
    if not bool(lattice.effusion.any()):
        return
    stream = randomness.stream("pressed")
    near = ndimage.distance_transform_edt(~lattice.effusion.cpu().numpy(), sampling=STEP_MM)
    distance = torch.from_numpy(near).float().to(lattice.grid.device)
    wavy = stream.smooth_field(lattice.axes, 30.0, lattice.grid.device)
    thickness = torch.zeros_like(distance)
    for number, side in _SIDES:
        depth = disease.effusion_depth_mm[number]
        thickness += (lattice.sides == side) * (min(depth * _PRESSED_PER_MM, 18.0) if depth > 0 else 0.0)
    margin = thickness * (1.0 + 0.4 * wavy) - distance
    margin = torch.where(thickness > 0, margin, -STEP_MM)
    _paint_margin(canvas, lattice, margin, 0.0, stream)


def paint_plates(canvas: Canvas, count: int, value: int, lattice: Lattice, randomness: Randomness) -> None:
    """Paint ``count`` plates near the base, thin lines on the slices, with this lesion value."""
    if not count:
        return
    stream = randomness.stream("plates")
    places = places_in(lattice, stream)
    weight = np.exp(2.2 * places.low + 0.6 * places.back - np.maximum(places.costal_mm, 0.0) / 18.0)
    for place in places.first(weight, count):
        random = stream.stream(str(places.number[place])).numpy
        normal = random.normal(size=3) * np.array([1.0, 0.55, 0.45])
        plate = Plate(
            centre=places.points[place],
            normal=normal / np.linalg.norm(normal),
            radius_mm=float(random.uniform(9.0, 34.0)),
            thickness_mm=float(random.uniform(1.2, 3.6)),
            bend_mm=float(random.uniform(35.0, 250.0) * random.choice((-1, 1))),
        )
        hu = float(random.uniform(-80.0, 40.0))
        found = plate_coverage(canvas, plate)
        if found is None:
            continue
        box, share = found
        share = share * (canvas.lobes[box] > 0)
        canvas.cover(box, share, hu)
        canvas.label(box, (share > 0.4) & (canvas.labels[box] == 0), value)


def _paint_margin(
    canvas: Canvas, lattice: Lattice, margin: Tensor, depth_mm: float, randomness: Randomness
) -> None:
    """Paint where ``margin`` (mm inside the border, on the lattice) is positive; deep bands begin loose."""
    inner = box_of((margin > -_EDGE_MM) & (lattice.lobes > 0))
    if inner is None:
        return
    corners = axes_in(lattice.axes, inner)
    box = canvas.box_of_mm(
        [float(a[0]) - STEP_MM for a in corners], [float(a[-1]) + STEP_MM for a in corners]
    )
    if box is None:
        return
    axes = axes_in(canvas.axes, box)
    whole = tuple(slice(0, size) for size in lattice.grid.shape)
    inside = lattice.onto(axes, margin[None], (whole[0], whole[1], whole[2]))[0]
    weight = (0.5 + inside / _EDGE_MM).clamp(0.0, 1.0) * (canvas.painted_lobes[box] > 0)
    ramp = (inside / (0.5 * depth_mm + 1.0)).clamp(0.0, 1.0) if depth_mm else 1.0
    grain = randomness.smooth_field(axes, 6.0, canvas.grid.device, reach_mm=REACH_MM)
    target = _LOOSE_HU + (_COLLAPSED_HU - _LOOSE_HU) * ramp + 25.0 * grain
    canvas.fill(box, weight, target)
    vessels = canvas.chest.vessels[canvas.box][box]
    crowded = (vessels * _CROWDED_VESSELS).clamp_(max=1.0) * weight
    canvas.cover(box, crowded, _VESSEL_HU)
    canvas.label(box, weight > 0.5, ATELECTASIS)
