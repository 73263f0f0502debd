"""What the multi-scale classifier sees: the window, the field, slices, the mask."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.geometry import RefusedInput
from diagnosis.systems.multiscale.preprocessing import InputSize, as_tensor, network_input
from diagnosis.systems.multiscale.window import STEP_HU, WINDOW_HU, low_of_window, windowed
from diagnosis.volume import CTVolume, LabelArray, millimetres, spacing_of


def scan(slices: int = 9, step_mm: float = 5.0) -> tuple[CTVolume, LabelArray]:
    """Lungs in voxels 1..slices-2, 4..43, 6..65 of a turned grid of -900 HU; one bright block in them."""
    hu = np.full((slices, 50, 70), -900, np.int16)
    lungs = np.zeros(hu.shape, np.uint8)
    inside = (slice(1, slices - 1), slice(4, 44), slice(6, 66))
    lungs[inside] = 1
    hu[2:4, 20:24, 10:16] = 30
    affine = np.array([[0, -0.8, 0, 30], [0.8, 0, 0, -20], [0, 0, step_mm, 7], [0, 0, 0, 1.0]])
    return CTVolume(hu, affine), lungs


def naive_low(hu: np.ndarray) -> int:
    """Every window of the padding-free values, counted one by one; the commonest air counts once."""
    values = hu[(hu >= -1500) & (hu <= 3500)].astype(int)
    air = values[values < -900]
    if air.size:
        commonest = np.bincount(air + 1500).argmax() - 1500
        values = np.append(values[values != commonest], commonest)
    lows = range(-1500, 3501 - WINDOW_HU, STEP_HU)
    return max(lows, key=lambda low: int(((values >= low) & (values <= low + WINDOW_HU)).sum()))


@pytest.mark.parametrize("padding", [-3024, -2000, None])
def test_the_window_holds_most_pixels_whatever_the_padding(padding: int | None) -> None:
    rng = np.random.default_rng(5)
    hu = np.repeat(np.repeat(rng.normal(-850, 60, (4, 40, 40)), 2, 1), 2, 2).astype(np.int16)
    hu[:, 30:60, 30:60] = 60
    hu[:, 60:] = -1024
    expected = naive_low(hu[:, ::2, ::2])
    if padding is not None:
        hu[:, :, :6] = padding
        expected = naive_low(hu[:, ::2, ::2])
    assert low_of_window(hu) == expected
    grey = windowed(np.array([expected - 50, expected, expected + 750, 3000], np.int16), expected)
    assert grey.tolist() == pytest.approx([0, 0, 0.5, 1])


def test_a_shifted_scanner_shows_the_same_grey_values() -> None:
    volume, lungs = scan()
    moved = CTVolume((volume.hu + 4 * STEP_HU).astype(np.int16), volume.affine)
    size = InputSize(32, 48, None, "lungs")
    one, other = network_input(volume, lungs, size), network_input(moved, lungs, size)
    assert other.low_hu == one.low_hu + 4 * STEP_HU
    np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.parametrize(
    "size", [InputSize(40, 64, None), InputSize(24, 24, None, "lungs"), InputSize(90, 64, 12.0)]
)
def test_every_field_and_matrix_keeps_the_place(size: InputSize) -> None:
    volume, lungs = scan(slices=11)
    shown = network_input(volume, lungs, size)
    z_mm, y_mm, x_mm = spacing_of(shown.affine)
    assert y_mm == pytest.approx(x_mm)
    assert shown.image.shape[2:] == (size.height, size.width)
    grey = (shown.image[0] * shown.image[1]).astype(float)
    grey -= grey[grey > 0].min() + 1
    grey[grey < 0] = 0
    centre = [float((grey * index).sum() / grey.sum()) for index in np.indices(grey.shape)]
    found = millimetres(shown.affine, (centre[0], centre[1], centre[2]))
    true = millimetres(volume.affine, (2.5, 21.5, 12.5))
    assert found[:2] == pytest.approx(true[:2], abs=1.0)
    assert found[2] == pytest.approx(true[2], abs=z_mm / 2)
    ml = shown.image[1].sum() * z_mm * y_mm * x_mm / 1000
    assert ml == pytest.approx((lungs > 0).sum() * volume.voxel_ml, rel=0.12)


def test_the_field_is_the_frame_or_the_lungs() -> None:
    volume, lungs = scan()
    frame = network_input(volume, lungs, InputSize(50, 70, None))
    np.testing.assert_allclose(frame.affine[:3, :3], volume.affine[:3, :3])
    np.testing.assert_array_equal(frame.image[1], lungs[1:-1])
    lungs_only = network_input(volume, lungs, InputSize(40, 60, None, "lungs"))
    assert spacing_of(lungs_only.affine)[1] == pytest.approx(0.8 * 1.06)
    assert lungs_only.image[1].mean() > 0.85


def test_nothing_is_shown_outside_the_lungs() -> None:
    """Also where the field reaches beyond the image: lungs that touch its edge end there."""
    volume, lungs = scan()
    lungs[1:-1] = 1
    shown = network_input(volume, lungs, InputSize(90, 90, None, "lungs"))
    tensor = as_tensor(shown.image)
    assert tensor.shape == (7, 1, 90, 90)
    assert 0 < float(tensor.max()) <= 1
    assert not tensor[:, 0][shown.image[1] == 0].any()
    pixels = spacing_of(shown.affine)[1]
    assert shown.image[1].any(axis=(0, 2)).sum() == pytest.approx(50 * 0.8 / pixels, abs=1.01)


@pytest.mark.parametrize(
    ("slices", "step_mm", "slice_mm", "expected"), [(42, 1.0, 4.5, 8), (42, 1.0, None, 40), (3, 1.0, 4.5, 1)]
)
def test_thin_slices_are_pooled_or_kept(
    slices: int, step_mm: float, slice_mm: float | None, expected: int
) -> None:
    volume, lungs = scan(slices, step_mm)
    shown = network_input(volume, lungs, InputSize(24, 32, slice_mm))
    assert shown.image.shape[1] == expected


def test_no_lungs_are_refused() -> None:
    volume, lungs = scan()
    with pytest.raises(RefusedInput, match="No lungs found"):
        network_input(volume, np.zeros_like(lungs), InputSize(24, 32, None))
