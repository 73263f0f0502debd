"""Scanners measured as a physicist would: noise, texture, sharpness, thickness, calibration, artefacts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from diagnosis.geometry import MAX_TILT_DEGREES, RefusedInput
from diagnosis.orientation import tilt_degrees
from diagnosis.phantom.acquisition import acquire, affine_of
from diagnosis.phantom.blurring import averaged_slices, blurred, gaussian_weights, slice_weights
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.scanners import (
    CALIBRATION_SCANNERS,
    SCANNERS,
    TRAINING_SCANNERS,
    UNSEEN_SCANNERS,
    Kernel,
    Scanner,
    draw_scanner,
    scanner_named,
    slices_for,
    spacing_for,
)
from tests.diagnosis.phantom.standins import ellipse_chest, grid_of, named, water_cylinder

QUIET: dict[str, object] = {
    "noise_hu": 0.0, "streak_hu": 0.0, "cupping_hu": 0.0, "offset_hu": 0.0, "gain": 1.0, "motion_mm": 0.0,
    "padding_hu": None,
}  # fmt: skip
FINE = grid_of((24, 160, 160), fov_mm=320.0, height_mm=48.0)


def scan(scanner: Scanner, hu: Tensor, body: Tensor, grid: Grid, seed: int = 1) -> Tensor:
    return acquire(hu, grid, scanner, body, Randomness(seed, "scan"))


def middle_noise(scanner: Scanner) -> Tensor:
    """The noise in the middle 60 mm of the water cylinder."""
    hu, body = water_cylinder(FINE)
    image = scan(scanner, hu, body, FINE).float()[:, 65:95, 65:95]
    return image - image.mean()


def test_the_same_randomness_gives_the_same_image_and_another_one_other_noise() -> None:
    grid = grid_of()
    hu, body, _ = ellipse_chest(grid)
    before = hu.clone()
    for name in ("aster-standard", "delta-moving", "ember-sharp"):
        first = scan(SCANNERS[name], hu, body, grid)
        assert first.dtype == torch.int16
        assert torch.equal(first, scan(SCANNERS[name], hu, body, grid))
        assert not torch.equal(first, scan(SCANNERS[name], hu, body, grid, seed=2))
    assert torch.equal(hu, before), "the ideal image belongs to the caller"


@pytest.mark.parametrize("name", SCANNERS)
def test_noise_in_the_middle_of_an_average_chest_is_what_the_scanner_states(name: str) -> None:
    scanner = SCANNERS[name]
    found = float(middle_noise(replace(scanner, gain=1.0)).std())
    assert found == pytest.approx(scanner.noise_hu, rel=0.12, abs=0.4)


def test_neighbouring_slices_share_noise_as_stated_and_others_do_not() -> None:
    for name in ("aster-standard", "frost-low-dose"):
        noise = middle_noise(SCANNERS[name])
        power = float((noise**2).mean())
        assert float((noise[1:] * noise[:-1]).mean()) / power == pytest.approx(
            SCANNERS[name].slice_correlation, abs=0.05
        )
        assert abs(float((noise[2:] * noise[:-2]).mean()) / power) < 0.08


def test_the_ramp_filter_takes_low_frequencies_from_the_noise_and_iteration_leaves_them() -> None:
    def low_share(scanner: Scanner) -> float:
        noise = middle_noise(scanner)
        spectrum = torch.fft.fft2(noise - noise.mean(dim=(1, 2), keepdim=True)).abs().square().mean(dim=0)
        frequency = torch.fft.fftfreq(30)
        radius = (frequency[:, None] ** 2 + frequency[None, :] ** 2).sqrt()
        return float(spectrum[(radius > 0) & (radius < 0.1)].mean() / spectrum[radius > 0].mean())

    assert low_share(SCANNERS["aster-lung"]) < 0.3
    assert low_share(SCANNERS["frost-low-dose"]) > 1.0


def test_thick_bodies_are_noisier_and_the_rim_quieter_than_the_middle() -> None:
    scanner = named("borealis-standard", streak_hu=0.0)
    hu, body = water_cylinder(FINE, radius_mm=150.0)
    thick = scan(scanner, hu, body, FINE).float()
    middle, rim = thick[:, 70:90, 70:90].std(), thick[:, 70:90, 8:18].std()
    assert float(middle) > 1.15 * float(middle_noise(scanner).std())
    assert float(rim) < 0.9 * float(middle)


def test_sharp_kernels_have_steeper_edges_that_overshoot() -> None:
    grid = grid_of((4, 300, 300), fov_mm=300.0, height_mm=8.0)
    hu, body = water_cylinder(grid)

    def profile(kernel: Kernel) -> Tensor:
        scanner = named("aster-standard", **{**QUIET, "kernel": kernel})
        return scan(scanner, hu, body, grid)[2, 150].float()

    soft, sharp = profile(Kernel("soft", 1.2)), profile(Kernel("lung", 0.4, edge_boost=0.9))
    assert float(sharp.diff().abs().max()) > 1.5 * float(soft.diff().abs().max())
    assert float(sharp.max()) > 30
    assert float(soft.max()) <= 1


def test_smoothing_keeps_the_mean_and_has_the_stated_width() -> None:
    weights = gaussian_weights(1.5)
    assert sum(weights) == pytest.approx(1.0)
    point = torch.zeros(1, 41, 41)
    point[0, 20, 20] = 1.0
    spread = blurred(point, weights)[0]
    places = torch.arange(41) - 20.0
    assert float(spread.sum()) == pytest.approx(1.0, abs=1e-5)
    for axis in (0, 1):
        variance = float((spread.sum(dim=axis) * places**2).sum())
        assert variance == pytest.approx(1.5**2 + 1 / 12, rel=0.1)
    torch.testing.assert_close(blurred(torch.full((2, 9, 9), 7.0), weights), torch.full((2, 9, 9), 7.0))


@pytest.mark.parametrize(
    ("thickness", "samples", "wanted"),
    [
        (0.0, 1, {0: 1.0}),
        (5.0, 1, {-1: 1 / 8, 0: 3 / 4, 1: 1 / 8}),
        (10.0, 1, {-1: 1 / 4, 0: 1 / 2, 1: 1 / 4}),
        (5.0, 2, {-1: 1 / 16, 0: 7 / 16, 1: 7 / 16, 2: 1 / 16}),
    ],
)
def test_a_slice_averages_over_its_thickness(
    thickness: float, samples: int, wanted: dict[int, float]
) -> None:
    found = dict(slice_weights(thickness, 5.0, samples))
    assert sum(found.values()) == pytest.approx(1.0)
    for plane in found.keys() | wanted.keys():
        assert found.get(plane, 0.0) == pytest.approx(wanted.get(plane, 0.0), abs=0.01)


def test_slices_of_several_planes_lie_in_the_middle_of_their_planes() -> None:
    planes = torch.arange(12.0)[:, None, None].expand(12, 2, 2)
    found = averaged_slices(planes, 1, 3, 3, slice_weights(1.0, 3.0, 3))
    torch.testing.assert_close(found[:, 0, 0], torch.tensor([4.0, 7.0]))


def test_thick_slices_blur_a_dome_and_more_planes_do_so_too() -> None:
    grid = grid_of()
    hu, body, _ = ellipse_chest(grid)
    hu[:8] = torch.where(body[:8], 50.0, -1000.0)
    hu[8:] = torch.where(body[8:], -850.0, -1000.0)
    thin, thick = (
        scan(named("aster-standard", **{**QUIET, "thickness_mm": part * grid.spacing_mm[0]}), hu, body, grid)
        for part in (0.1, 1.0)
    )
    assert abs(int(thin[8, 30, 36]) + 850) <= 30
    assert int(thick[8, 30, 36]) == pytest.approx(-850 + 900 / 8, abs=2)


def test_calibration_moves_all_values_about_water() -> None:
    hu, body = water_cylinder(FINE)
    hu[:, 40:120, 40:60] = -500.0
    scanner = named("aster-standard", **{**QUIET, "offset_hu": 12.0, "gain": 0.97})
    image = scan(scanner, hu, body, FINE)
    assert int(image[12, 80, 80]) == 12
    assert int(image[12, 80, 50]) == round(12 - 0.97 * 500)


def test_beam_hardening_makes_the_middle_too_dark() -> None:
    hu, body = water_cylinder(FINE)
    image = scan(named("aster-standard", **{**QUIET, "cupping_hu": 10.0}), hu, body, FINE)
    assert int(image[12, 80, 80]) == -10
    assert int(image[12, 80, 24]) > -3


def test_padding_fills_the_corners_and_only_them() -> None:
    hu, body = water_cylinder(FINE)
    for name in ("aster-standard", "delta-standard", "ember-sharp", "cirrus-thick"):
        padding = SCANNERS[name].padding_hu
        image = scan(SCANNERS[name], hu, body, FINE)
        assert padding is not None
        assert (image[:, 0, 0] == padding).all()
        assert int((image[:, 24:136, 24:136] == padding).sum()) == 0 or padding == -1024
    whole = scan(SCANNERS["borealis-standard"], hu, body, FINE)
    assert abs(float(whole[:, :8, :8].float().mean()) + 1000) < 25


def test_the_table_lies_behind_the_back_and_never_in_the_body() -> None:
    grid = grid_of((4, 200, 200), fov_mm=400.0, height_mm=20.0)
    hu, body = water_cylinder(grid, radius_mm=110.0)
    for name in ("aster-standard", "cirrus-thick", "frost-standard"):
        image = scan(named(name, **QUIET), hu, body, grid)[2].float()
        behind = image[158:, 100]
        assert float(behind.max()) > -800, name
        assert float(image[:40].max()) < -980, "no table in front"
        assert abs(float(image[70:130, 70:130].mean())) < 2


def test_streaks_and_a_dark_band_cross_the_shoulders_only() -> None:
    grid = grid_of((16, 120, 150), fov_mm=450.0)
    hu, body, _ = ellipse_chest(grid)
    plain = scan(named("aster-standard", **QUIET), hu, body, grid).float()
    streaky = scan(named("aster-standard", **{**QUIET, "streak_hu": 30.0}), hu, body, grid).float()
    change = streaky - plain
    assert float(change[8].abs().max()) <= 1, "none in the middle of the chest"
    shoulders = change[15, 45:75, 50:100]
    assert float(shoulders.std()) > 5
    along, down = shoulders.diff(dim=1).abs().mean(), shoulders.diff(dim=0).abs().mean()
    assert float(down) > 3 * float(along)


def test_a_body_cut_by_the_field_of_view_has_streaks_too() -> None:
    grid = grid_of((16, 120, 120), fov_mm=262.0)
    hu, body, _ = ellipse_chest(grid)
    quiet, streaky = (
        scan(named("aster-standard", **{**QUIET, "streak_hu": by}), hu, body, grid)[15].float()
        for by in (0.0, 30.0)
    )
    assert float((streaky - quiet).std()) > 3


def test_movement_doubles_the_edges_of_heart_and_domes_and_leaves_the_apices() -> None:
    grid = grid_of((48, 100, 120))
    hu, body, lungs = ellipse_chest(grid)
    still = scan(named("delta-moving", **QUIET), hu, body, grid).float()
    moved = scan(named("delta-moving", **{**QUIET, "motion_mm": 12.0}), hu, body, grid).float()
    changed = (moved - still).abs() > 40
    z = grid.axes()[0]
    assert int(changed[z > 60].sum()) == 0
    assert int(changed[z < -40].sum()) > 500
    deep = lungs > 0
    assert float((moved[deep] < -450).float().mean()) > float((still[deep] < -450).float().mean()) - 0.03


@pytest.mark.parametrize("name", [*SCANNERS, "drawn-1", "drawn-2", "drawn-3"])
def test_every_value_is_one_that_the_scanner_can_store(name: str) -> None:
    scanner = scanner_named(name)
    grid = grid_of()
    hu, body, _ = ellipse_chest(grid)
    hu[8, 30, 30] = 20_000.0
    image = scan(scanner, hu, body, grid).double()
    storage = scanner.storage
    stored = ((image - storage.intercept) / storage.slope).round()
    low, high = storage.stored_range
    assert low <= float(stored.min()) <= float(stored.max()) <= high
    assert torch.equal((stored * storage.slope + storage.intercept).round(), image)


def test_the_gantry_s_tilt_stays_in_the_affine() -> None:
    grid = grid_of()
    straight, tilted = (affine_of(grid, SCANNERS[name]) for name in ("aster-standard", "frost-low-dose"))
    np.testing.assert_allclose(straight, grid.affine())
    assert tilt_degrees(tilted) == pytest.approx(2.0, abs=0.01)
    assert np.linalg.det(tilted[:3, :3]) == pytest.approx(np.linalg.det(straight[:3, :3]))
    assert all(abs(scanner.tilt_degrees) < MAX_TILT_DEGREES for scanner in SCANNERS.values())


def test_scanners_for_evaluation_are_not_those_for_training() -> None:
    groups = (TRAINING_SCANNERS, CALIBRATION_SCANNERS, UNSEEN_SCANNERS)
    assert sum(map(len, groups)) == len(set().union(*groups)) == len(SCANNERS)
    known = [SCANNERS[name] for name in (*TRAINING_SCANNERS, *CALIBRATION_SCANNERS)]
    for name in UNSEEN_SCANNERS:
        assert SCANNERS[name].kernel not in [scanner.kernel for scanner in known]
        assert SCANNERS[name].noise_hu not in [scanner.noise_hu for scanner in known]


def test_scanners_stay_within_what_scanners_do() -> None:
    drawn = [draw_scanner(Randomness(seed)) for seed in range(60)]
    assert len({scanner.name for scanner in drawn}) == 60
    for scanner in (*SCANNERS.values(), *drawn):
        assert 7 <= scanner.noise_hu <= 60
        assert 0.7 <= scanner.thickness_mm <= 7
        assert 0.3 <= scanner.increment_mm <= 7
        assert 260 <= scanner.fov_mm <= 410
        assert abs(scanner.offset_hu) <= 22
        assert 0.96 <= scanner.gain <= 1.04
    assert np.median([abs(scanner.offset_hu) for scanner in drawn]) < 8, "most are calibrated well"
    assert all(scanner.kernel.ramp >= 0.5 for scanner in drawn), "iterative textures stay unseen"


def test_a_drawn_scanner_is_found_again_by_its_name() -> None:
    scanner = draw_scanner(Randomness(11))
    assert scanner_named(scanner.name) == scanner
    assert scanner_named("aster-lung") is SCANNERS["aster-lung"]
    for name in ("tricorder", "drawn-", "drawn-x", "drawn--1"):
        with pytest.raises(RefusedInput, match=r"Choose one of aster-standard, .*frost-low-dose"):
            scanner_named(name)


def test_the_grid_follows_the_field_of_view_and_the_chest() -> None:
    scanner = SCANNERS["aster-standard"]
    assert spacing_for(scanner, (64, 200, 256), 320.0) == pytest.approx((5.0, 360 / 256, 360 / 256))
    assert slices_for(scanner, 300.0) == 240


def test_what_does_not_fit_is_refused() -> None:
    grid = grid_of()
    hu, body, _ = ellipse_chest(grid)
    with pytest.raises(ValueError, match="do not fit"):
        acquire(hu[1:], grid, SCANNERS["aster-lung"], body, Randomness(1))
    with pytest.raises(ValueError, match="no body"):
        acquire(hu, grid, SCANNERS["aster-lung"], torch.zeros_like(body), Randomness(1))


def test_two_planes_for_each_slice_are_taken_as_one_slice() -> None:
    grid = grid_of()
    hu, body, _ = ellipse_chest(grid)
    scanner = named("aster-standard", **{**QUIET, "thickness_mm": 0.1})
    twice = acquire(hu.repeat_interleave(2, dim=0), grid, scanner, body, Randomness(1), samples=2)
    assert torch.equal(twice, acquire(hu, grid, scanner, body, Randomness(1)))
