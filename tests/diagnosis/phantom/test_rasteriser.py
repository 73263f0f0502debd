"""Rods onto voxels: volumes, partial volume through thick slices, independence of order, cuts and grid."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from diagnosis.phantom.grid import Grid
from diagnosis.phantom.rasteriser import capsules
from diagnosis.phantom.tree import Tree

HALF_MM = 26.0


def _grid(spacing: tuple[float, float, float]) -> Grid:
    counts = [int(2 * HALF_MM / step) + 1 for step in spacing]
    first = [-(count - 1) * step / 2 for count, step in zip(counts, spacing, strict=True)]
    return Grid(
        (counts[0], counts[1], counts[2]), spacing, (first[0], first[1], first[2]), torch.device("cpu")
    )


def _rods(*rods: tuple[list[float], list[float], float, float]) -> Tree:
    """Rods given by start, end (x, y, z) and their radii."""
    start, end, first, last = (np.array(part, np.float32) for part in zip(*rods, strict=True))
    count = len(rods)
    return Tree(
        start, end, first, last, np.ones(count, np.uint8), np.ones(count, bool), np.zeros(count, np.int32),
        np.full(count, -1, np.int32),
    )  # fmt: skip


def _oblique(seed: int, radius: float, length: float = 30.0) -> Tree:
    random = np.random.default_rng(seed)
    direction = random.normal(size=3)
    direction *= length / 2 / np.linalg.norm(direction)
    middle = random.uniform(-3, 3, 3)
    return _rods(((middle - direction).tolist(), (middle + direction).tolist(), radius, radius))


def _ml(tree: Tree, spacing: tuple[float, float, float]) -> float:
    return float(capsules(tree, _grid(spacing)).double().sum()) * math.prod(spacing) / 1000.0


def _true_ml(radius: float, length: float = 30.0) -> float:
    return (math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3) / 1000.0


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("seed", range(4))
def test_an_oblique_rod_has_its_volume_on_cubes(radius: float, seed: int) -> None:
    assert _ml(_oblique(seed, radius), (0.7, 0.7, 0.7)) == pytest.approx(_true_ml(radius), rel=0.03)


@pytest.mark.parametrize("spacing", [(5.0, 0.7, 0.7), (7.0, 1.2, 1.2)])
@pytest.mark.parametrize("radius", [0.7, 1.5, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_an_oblique_rod_has_its_volume_in_thick_slices(
    spacing: tuple[float, float, float], radius: float, seed: int
) -> None:
    assert _ml(_oblique(seed, radius), spacing) == pytest.approx(_true_ml(radius), rel=0.08)


def test_a_tapered_rod_has_the_volume_of_a_cone() -> None:
    tree = _rods(([-12.0, 3.0, -5.0], [12.0, -4.0, 6.0], 3.0, 1.0))
    length = float(tree.length_mm[0])
    cone = math.pi * length / 3 * (9.0 + 3.0 + 1.0)
    caps = 2 / 3 * math.pi * (27.0 + 1.0)
    assert _ml(tree, (0.7, 0.7, 0.7)) == pytest.approx((cone + caps) / 1000.0, rel=0.03)


def test_a_vessel_through_thick_slices_keeps_its_full_value() -> None:
    grid = _grid((5.0, 0.7, 0.7))
    share = capsules(_rods(([0.0, 0.0, -20.0], [0.0, 0.0, 20.0], 0.8, 0.8)), grid)
    depth, height, width = grid.shape
    inner = share[2 : depth - 2, height // 2, width // 2]
    assert float(inner.min()) > 0.98


@pytest.mark.parametrize("radius", [0.5, 1.0])
def test_a_vessel_within_a_thick_slice_fades_to_its_part_of_the_thickness(radius: float) -> None:
    grid = _grid((5.0, 0.7, 0.7))
    share = capsules(_rods(([-20.0, 0.0, 0.0], [20.0, 0.0, 0.0], radius, radius)), grid)
    depth, _, width = grid.shape
    across = float(share[depth // 2, :, width // 2].sum()) * 0.7 * 5.0
    assert across == pytest.approx(math.pi * radius**2, rel=0.05)
    assert float(share.max()) <= 2 * radius / 5.0 * 1.05


def test_the_order_of_the_segments_changes_no_bit() -> None:
    trees = [_oblique(seed, 0.5 + 0.4 * seed, 18.0) for seed in range(6)]
    grid = _grid((2.5, 0.8, 0.8))
    assert torch.equal(capsules(Tree.joined(trees), grid), capsules(Tree.joined(trees[::-1]), grid))


def test_cutting_a_rod_in_two_leaves_its_coverage() -> None:
    start, middle, end = [-15.0, 4.0, -9.0], [-2.0, 0.4, -1.2], [11.0, -3.2, 6.6]
    grid = _grid((1.0, 0.8, 0.8))
    whole = capsules(_rods((start, end, 1.3, 1.3)), grid)
    parts = capsules(_rods((start, middle, 1.3, 1.3), (middle, end, 1.3, 1.3)), grid)
    assert float((whole - parts).abs().max()) < 1e-3


def test_part_of_a_grid_shows_the_same_as_the_whole() -> None:
    """A field of view that cuts the tree, and one that misses it."""
    tree = _oblique(3, 1.2)
    whole = _grid((2.0, 0.8, 0.8))
    z, y, x = whole.first_mm
    part = Grid((10, 30, 20), whole.spacing_mm, (z + 8 * 2.0, y + 20 * 0.8, x + 24 * 0.8), whole.device)
    assert torch.allclose(capsules(tree, part), capsules(tree, whole)[8:18, 20:50, 24:44], atol=1e-5)
    away = Grid((4, 10, 10), whole.spacing_mm, (200.0, 0.0, 0.0), whole.device)
    assert float(capsules(tree, away).max()) == 0.0


def test_radii_can_be_scaled_and_offset() -> None:
    tree = _oblique(1, 1.0)
    assert _ml(tree, (0.7, 0.7, 0.7)) < _true_ml(1.5)
    grid = _grid((0.7, 0.7, 0.7))
    wider = float(capsules(tree, grid, radius_scale=2.0, radius_offset_mm=-0.5).sum()) * 0.343 / 1000.0
    assert wider == pytest.approx(_true_ml(1.5), rel=0.03)
    assert float(capsules(tree, grid, radius_offset_mm=-1.0).max()) == 0.0
