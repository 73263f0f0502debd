"""Lungs from three views (Hu et al., 2020): axial, coronal and sagittal planes, by majority.

The paper trains a network for each view and names a module of attention it does not describe. Here the one
2-D U-Net reads all three: it was taught on axial slices, but lung next to chest wall looks alike in each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from diagnosis.inference import SliceReader, loaded
from diagnosis.lungs.by_network import THINNEST_MM, unet_reader
from diagnosis.lungs.chest import chest_of, with_sides
from diagnosis.lungs.input import lung_window
from diagnosis.lungs.plausible import DISEASED_HU
from diagnosis.lungs.series_grid import nearest_on, on_series_grid
from diagnosis.preprocessing.network_grid import network_grid
from diagnosis.preprocessing.resampling import sample_linear
from diagnosis.run_clock import Progress
from diagnosis.volume import Affine, BoolArray, CTVolume, FloatArray, LabelArray, spacing_of

_VIEWS, _MAJORITY = 3, 2
_EVERY = 2
"""Of the planes through rows and columns only these are read; each speaks for its neighbours."""


def multiview_lungs(weights: Path, volume: CTVolume, progress: Progress) -> tuple[LabelArray, str]:
    """Return lung labels on the series grid, two votes of three, and the version of the weights.

    About three times the work of `unet_lungs`. Raises RefusedInput: ``bad_weights``, ``no_lungs``.
    """
    reader, header = loaded(weights, unet_reader)
    chest = chest_of(volume)
    hu, affine = network_grid(volume, chest.box, thinnest_mm=THINNEST_MM)
    body = nearest_on(chest.body, chest.affine, affine, hu.shape) > 0
    votes = np.zeros(hu.shape, np.uint8)
    for view in range(_VIEWS):
        votes += _seen_from(view, hu, affine, body, reader, progress)
    mask = (votes >= _MAJORITY) & body
    labels = with_sides(mask, affine, chest, DISEASED_HU)
    return on_series_grid(labels, affine, volume), header["version"]


def _seen_from(
    view: int, hu: FloatArray, affine: Affine, body: BoolArray, reader: SliceReader, progress: Progress
) -> BoolArray:
    """What the network calls lung in planes across axis ``view`` of ``[z, y, x]``."""
    every = 1 if view == 0 else _EVERY
    found = np.zeros(hu.shape, dtype=bool)
    for index in range(0, hu.shape[view], every):
        here = slice(index, index + every)
        planes, shown = np.moveaxis(found, view, 0)[here], np.moveaxis(body, view, 0)[here]
        if shown.any():
            plane = np.moveaxis(hu, view, 0)[index]
            planes[:] = _read(plane, reader) if view == 0 else _read_upright(plane, affine, view, reader)
        progress((view + min(1.0, (index + every) / hu.shape[view])) / _VIEWS)
    return found


def _read(plane: FloatArray, reader: SliceReader) -> BoolArray:
    logits = reader(lung_window(plane)[None])
    return np.asarray((logits[1] > logits[0]).cpu().numpy())


def _read_upright(plane: FloatArray, affine: Affine, view: int, reader: SliceReader) -> BoolArray:
    """Read a coronal (view 1) or sagittal plane ``[z, along]``, head up, in square pixels."""
    z_mm, y_mm, x_mm = spacing_of(affine)
    step = (x_mm if view == 1 else y_mm) / z_mm
    height = max(1, round(len(plane) / step))
    rows = ((np.arange(height) + 0.5) * len(plane) / height - 0.5)[::-1]
    columns = np.arange(plane.shape[1], dtype=np.float64)
    upright = sample_linear(plane[:, None], (rows, np.zeros(1), columns))[:, 0]
    mask = _read(upright, reader)
    nearest = np.clip(np.rint((np.arange(len(plane)) + 0.5) * height / len(plane) - 0.5), 0, height - 1)
    return np.asarray(mask[::-1][nearest.astype(np.intp)])
