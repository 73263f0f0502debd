"""Weakly supervised localisation (Wang et al., TMI 2020, section II-E): where the activation map meets the
place at which a lung cut at a threshold breaks into parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from diagnosis.lungs.input import WINDOW_HU
from diagnosis.lungs.morphology import bounding_box
from diagnosis.lungs.threshold import THRESHOLD_HU
from diagnosis.preprocessing.network_grid import cropped_affine
from diagnosis.preprocessing.resampling import block_affine, positions_in, sample_linear
from diagnosis.regions import regions_of
from diagnosis.results import Heatmap, Region
from diagnosis.systems.decovnet.preprocessing import GREYS, NetworkInput
from diagnosis.systems.decovnet.spec import CLASS_NAME, COMPONENTS
from diagnosis.systems.interface import Case
from diagnosis.volume import BoolArray, FloatArray

_WINDOW = 6
"""Pixels of the input. The paper prints 7 x 7; the released code uses 7 // 2 * 2, side by side."""
_MOST_LABELS = 3
_EVEN, _FROM_EVEN = 0.5, 0.05
_HEIGHT = (0.1, 0.8)
_IN_PLANE = np.stack([np.zeros((3, 3), bool), np.ones((3, 3), bool), np.zeros((3, 3), bool)])
_TOUCHING = np.ones((3, 3, 3), bool)

_STRONGEST = 0.05
_BINS = 50
_LEAST_GREY = 75
_LEAST_AREA = 0.4
_CANDIDATES = 9
_HALF = 0.5


def component_response(shown: NetworkInput) -> Heatmap:
    """Return the 3DCC response: 1.0 in the windows of the largest component (R_3dcc), otherwise 0.

    ``shown`` is the network's input in its published size, all slices kept. A window of 6 x 6 pixels is
    marked when the lung below -320 HU in it breaks into more than three labels (its 8-connected parts and
    the rest) and fills about half of it (standard deviation within 0.05 of 0.5). Only from 10 to 80 % of the
    height, from the top. Marked windows that touch in 3-D, corners included, make a component.
    """
    grey, mask = shown.image
    air = (grey < GREYS * (THRESHOLD_HU - WINDOW_HU[0]) / (WINDOW_HU[1] - WINDOW_HU[0])) & (mask > 0)
    marked = _marked(air)
    from_top = (np.arange(len(air))[::-1] + _HALF) / len(air)
    marked[(from_top < _HEIGHT[0]) | (from_top >= _HEIGHT[1])] = False
    labels, _ = ndimage.label(marked, _TOUCHING)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = (labels == sizes.argmax()) & marked
    return Heatmap(
        class_name=CLASS_NAME,
        kind=COMPONENTS,
        values=largest.astype(np.float32),
        affine=block_affine(shown.affine, (1, _WINDOW, _WINDOW)),
        reference=1.0,
        threshold=_HALF,
    )


def published_localisation(cam: Heatmap, response: Heatmap, shown: NetworkInput, case: Case) -> list[Region]:
    """Return the one region of the paper: the part of the strongest activation that overlaps R_3dcc most.

    Parts are what is left of the strongest 5 % of the map (by a histogram of 50 bins) where the grey value
    is above 75 and the slice shows more than 40 % of the largest lung area; of the nine largest the one with
    most of R_3dcc in it, without any overlap the largest. ``shown`` is the input in its published size; the
    region's evidence is that of ``cam``. Empty when nothing is left.
    """
    grey, mask = shown.image
    values = sample_linear(cam.values, positions_in(cam.affine, shown.affine, grey.shape))
    limit = _strongest(values)
    area = mask.sum(axis=(1, 2), dtype=np.int64)
    strong = (values >= limit) & (grey > _LEAST_GREY) & (area > _LEAST_AREA * area.max())[:, None, None]
    if limit <= 0 or not strong.any():
        return []
    within = _on_series_grid(_most_overlapping(strong, _on_pixels(response, grey.shape)), shown, case)
    chosen = replace(cam, threshold=limit / cam.reference)
    return regions_of(chosen, case.lungs, case.volume.affine, 0.0, within=within)[:1]


def _marked(air: BoolArray) -> BoolArray:
    """Return ``[z, y // 6, x // 6]``: the windows that break into parts and are half full."""
    depth, high, wide = len(air), air.shape[1] // _WINDOW, air.shape[2] // _WINDOW
    whole = air[:, : high * _WINDOW, : wide * _WINDOW]
    windows = whole.reshape(depth, high, _WINDOW, wide, _WINDOW).swapaxes(2, 3)
    share = windows.mean(axis=(3, 4))
    even = np.abs(np.sqrt(share * (1 - share)) - _EVEN) < _FROM_EVEN
    labels, _ = ndimage.label(windows[even], _IN_PLANE)
    ordered = np.sort(labels.reshape(len(labels), _WINDOW * _WINDOW), axis=1)
    marked = np.zeros(even.shape, dtype=bool)
    marked[even] = 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1) > _MOST_LABELS
    return marked


def _strongest(values: FloatArray) -> float:
    """The lowest border of 50 bins between 0 and the maximum that at most 5 % of the values reach."""
    counts, borders = np.histogram(values, bins=_BINS, range=(0.0, float(values.max()) or 1.0))
    reached = np.cumsum(counts[::-1])[::-1]
    few = np.flatnonzero(reached <= _STRONGEST * values.size)
    return float(borders[few[0] if len(few) else _BINS - 1]) if values.any() else 0.0


def _most_overlapping(strong: BoolArray, response: BoolArray) -> BoolArray:
    labels, count = ndimage.label(strong)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    candidates = np.argsort(-sizes, kind="stable")[:_CANDIDATES] + 1
    overlaps = np.bincount(labels[response], minlength=count + 1)[candidates]
    return np.asarray(labels == candidates[int(overlaps.argmax())])


def _on_pixels(response: Heatmap, shape: Sequence[int]) -> BoolArray:
    """R_3dcc in the pixels of the input."""
    pixels = response.values.astype(bool).repeat(_WINDOW, axis=1).repeat(_WINDOW, axis=2)
    whole = np.zeros(tuple(shape), dtype=bool)
    whole[:, : pixels.shape[1], : pixels.shape[2]] = pixels
    return whole


def _on_series_grid(part: BoolArray, shown: NetworkInput, case: Case) -> BoolArray:
    box = bounding_box(case.lungs > 0)
    positions = positions_in(
        shown.affine, cropped_affine(case.volume.affine, box), case.lungs[box].shape
    )  # fmt: skip
    within = np.zeros(case.volume.shape, dtype=bool)
    within[box] = sample_linear(part.astype(np.float32), positions) >= _HALF
    return within
