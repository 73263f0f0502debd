"""One picture of an analysis: slices in the lung window with heat or lesion types, regions and sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from diagnosis.quantification.counting import voxels_by_value
from diagnosis.regions import on_series_grid
from diagnosis.results import (
    ATELECTASIS,
    CONSOLIDATION,
    CRAZY_PAVING,
    EFFUSION,
    EMPHYSEMA,
    GROUND_GLASS,
    LESIONS,
    NODULE,
    OTHER_INFECTION,
    Analysis,
    Region,
    SystemResult,
)
from diagnosis.volume import FloatArray, LabelArray

NOTICE = "Research use only. Not a medical device."
COLUMNS, ROWS = 5, 4
TILE_WIDTH = 320
HEADER = 56

_WINDOW_HU = (-1350.0, 150.0)
_MARGIN_MM = 12.0
_HEAT_OPACITY = 0.45
_LESION_OPACITY = 0.55
_LUNG_LINE = np.array([120, 190, 255], dtype=np.float32)
_REGION_LINE = np.array([255, 214, 10], dtype=np.float32)
_INK = (235, 235, 235)
_PAPER = (14, 16, 20)
# Viridis, five anchors of the published map.
_HEAT = np.array(
    [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], dtype=np.float32
)
_LESION_COLOURS = {
    GROUND_GLASS: (98, 174, 230), CRAZY_PAVING: (230, 162, 60), CONSOLIDATION: (240, 96, 88),
    OTHER_INFECTION: (195, 143, 208), EFFUSION: (92, 200, 176), NODULE: (240, 228, 66),
    EMPHYSEMA: (147, 161, 174), ATELECTASIS: (170, 120, 80),
}  # fmt: skip
_LESION_TABLE = np.zeros((max(LESIONS) + 1, 3), dtype=np.float32)
for _value, _colour in _LESION_COLOURS.items():
    _LESION_TABLE[_value] = _colour


@dataclass(frozen=True, slots=True)
class _Overlay:
    """What is drawn over the slices: lesion types, or heat 0..1 on the series grid (or neither), and the
    regions behind it."""

    heat: FloatArray | None
    threshold: float
    regions: Sequence[Region]
    lesions: LabelArray | None = None


def contact_sheet(analysis: Analysis, title: str) -> Image.Image:
    """Return 20 slices across the lungs, cranial first, as an RGB image.

    The patient's right is on the left of each slice. Colours and outlines are those of the lesion
    segmentation when it was made, otherwise heat and regions of the first system.
    """
    overlay = _overlay(analysis)
    crop = _crop(analysis)
    tile = _tile_size(analysis, crop)
    sheet = Image.new("RGB", (COLUMNS * tile[0], HEADER + ROWS * tile[1]), _PAPER)
    _write_header(sheet, analysis, title)
    for place, index in enumerate(_slices(analysis)):
        left, top = place % COLUMNS * tile[0], HEADER + place // COLUMNS * tile[1]
        sheet.paste(_tile(analysis, overlay, index, crop, tile), (left, top))
    return sheet


def _overlay(analysis: Analysis) -> _Overlay:
    if analysis.lesions is not None:
        return _Overlay(None, 1.0, analysis.regions, analysis.lesions)
    result: SystemResult | None = next(iter(analysis.systems.values()), None)
    if result is None or not result.heatmaps:
        return _Overlay(None, 1.0, result.regions if result else ())
    heatmap = result.heatmaps[0]
    values = on_series_grid(heatmap, analysis.volume.affine, analysis.volume.shape) / heatmap.reference
    return _Overlay(values, heatmap.threshold, result.regions)


def _slices(analysis: Analysis) -> list[int]:
    """Evenly spread over the lungs, cranial first; no slice twice."""
    shown = np.flatnonzero((analysis.lungs > 0).any(axis=(1, 2)))
    wanted = np.linspace(shown[-1], shown[0], COLUMNS * ROWS)
    return list(dict.fromkeys(round(float(place)) for place in wanted))


def _crop(analysis: Analysis) -> tuple[slice, slice]:
    flat = (analysis.lungs > 0).any(axis=0)
    parts = []
    for axis, step in ((1, analysis.volume.spacing_mm[1]), (0, analysis.volume.spacing_mm[2])):
        hit = np.flatnonzero(np.any(flat, axis=axis))
        margin = round(_MARGIN_MM / step)
        parts.append(slice(max(0, int(hit[0]) - margin), int(hit[-1]) + 1 + margin))
    return parts[0], parts[1]


def _tile_size(analysis: Analysis, crop: tuple[slice, slice]) -> tuple[int, int]:
    """Width and height with square millimetres."""
    height, width = analysis.lungs[0][crop].shape
    _, dy, dx = analysis.volume.spacing_mm
    return TILE_WIDTH, max(1, round(TILE_WIDTH * (height * dy) / (width * dx)))


def _tile(
    analysis: Analysis, overlay: _Overlay, index: int, crop: tuple[slice, slice], size: tuple[int, int]
) -> Image.Image:
    low, high = _WINDOW_HU
    grey = (analysis.volume.hu[index][crop].astype(np.float32) - low) / (high - low) * 255
    picture = np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=2)
    if overlay.heat is not None:
        picture = _heated(picture, overlay.heat[index][crop], overlay.threshold)
    if overlay.lesions is not None:
        picture = _coloured(picture, overlay.lesions[index][crop])
    image = Image.fromarray(picture.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    image = _outlined(image, analysis.lungs[index][crop] > 0, _LUNG_LINE)
    draw = ImageDraw.Draw(image)
    for region in overlay.regions:
        mask = _region_in_slice(region, index, analysis.volume.shape[1:])
        if mask is None or not mask[crop].any():
            continue
        image = _outlined(image, mask[crop], _REGION_LINE)
        draw = ImageDraw.Draw(image)
        y, x = np.argwhere(mask[crop]).mean(axis=0)
        spot = (x / mask[crop].shape[1] * size[0], y / mask[crop].shape[0] * size[1])
        draw.text(
            spot, region.id, font=_font(13), fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0)
        )
    number = analysis.volume.shape[0] - index
    draw.text((6, 4), f"R   {number}", font=_font(14), fill=_INK, stroke_width=2, stroke_fill=(0, 0, 0))
    draw.text((size[0] - 16, 4), "L", font=_font(14), fill=_INK, stroke_width=2, stroke_fill=(0, 0, 0))
    return image


def _heated(picture: FloatArray, heat: FloatArray, threshold: float) -> FloatArray:
    shown = np.clip(heat, 0, 1)
    place = np.linspace(0, 1, len(_HEAT))
    colour = np.stack([np.interp(shown, place, _HEAT[:, part]) for part in range(3)], axis=-1)
    opacity = _HEAT_OPACITY * np.clip(shown / threshold, 0, 1)[..., None]
    return np.asarray(picture * (1 - opacity) + colour * opacity, dtype=np.float32)


def _coloured(picture: FloatArray, lesions: LabelArray) -> FloatArray:
    opacity = _LESION_OPACITY * (lesions > 0)[..., None]
    return np.asarray(picture * (1 - opacity) + _LESION_TABLE[lesions] * opacity, dtype=np.float32)


def _outlined(image: Image.Image, mask: NDArray[np.bool_], colour: FloatArray) -> Image.Image:
    """Draw the border of a mask one pixel wide on the enlarged picture."""
    large = np.asarray(Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST), dtype=bool)
    inner = large.copy()
    inner[1:] &= large[:-1]
    inner[:-1] &= large[1:]
    inner[:, 1:] &= large[:, :-1]
    inner[:, :-1] &= large[:, 1:]
    pixels = np.array(image)
    pixels[large & ~inner] = colour
    return Image.fromarray(pixels)


def _region_in_slice(region: Region, index: int, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    z, y, x = region.origin
    if not z <= index < z + region.mask.shape[0]:
        return None
    whole = np.zeros(shape, dtype=bool)
    part = region.mask[index - z]
    whole[y : y + part.shape[0], x : x + part.shape[1]] = part
    return whole


def _write_header(sheet: Image.Image, analysis: Analysis, title: str) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((10, 6), title, font=_font(18), fill=_INK)
    draw.text((10, 31), NOTICE, font=_font(15), fill=_INK)
    measured = analysis.quantification
    if measured is not None:
        line = (
            f"infected {measured.infected_percent:.1f} % ({measured.infected_ml:.0f} ml), "
            f"right {measured.right.infected_percent:.1f} %, left {measured.left.infected_percent:.1f} %"
        )
        draw.text((sheet.width - 10, 6), line, font=_font(18), fill=_INK, anchor="ra")
    legend = "R: patient's right. Numbers count slices from the top."
    draw.text((sheet.width - 10, 31), legend, font=_font(15), fill=_INK, anchor="ra")
    if analysis.lesions is not None:
        _write_lesion_legend(draw, analysis.lesions)


def _write_lesion_legend(draw: ImageDraw.ImageDraw, lesions: LabelArray) -> None:
    """The types that were found, each in its colour, behind the notice."""
    x = 10 + draw.textlength(NOTICE, font=_font(15)) + 30
    for value in np.flatnonzero(voxels_by_value(lesions)[: max(LESIONS) + 1])[1:]:
        draw.text((x, 31), LESIONS[int(value)], font=_font(15), fill=_LESION_COLOURS[int(value)])
        x += draw.textlength(LESIONS[int(value)], font=_font(15)) + 16


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
