"""Arteries, veins and airways of synthetic patients: where they run, how wide they are, that they repeat."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import numpy as np
import pytest
import torch

from diagnosis.phantom.airways import airway_tensors, central_airways, main_airways, with_walls
from diagnosis.phantom.anatomy import lung_map
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.lung_map import LungMap
from diagnosis.phantom.patient import draw_patient
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.tree import Tree
from diagnosis.phantom.tree_shape import MURRAY_EXPONENT
from diagnosis.phantom.vessels import Vasculature, grow_vasculature

SEEDS = (3, 11)
LARGEST_MM = {"arteries": 8.5, "veins": 6.8}


@cache
def _map(seed: int) -> LungMap:
    with torch.inference_mode():
        return lung_map(draw_patient(Randomness(seed, "patient")), Randomness(seed, "anatomy"))


@cache
def _grown(seed: int) -> Vasculature:
    return grow_vasculature(_map(seed), Randomness(seed, "vessels"))


def _middles(tree: Tree) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return (tree.start + tree.end) / 2


@pytest.fixture(params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=["arteries", "veins"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_terminal_lies_in_its_lobe(seed: int, kind: str) -> None:
    tree: Tree = getattr(_grown(seed), kind)
    assert 3000 < len(tree.terminals()) < 20000
    np.testing.assert_array_equal(_map(seed).lobe_at(tree.terminals()), tree.lobe[tree.terminal])
    assert float(_map(seed).depth_at(tree.terminals()).min()) > 2.0


def test_every_lobe_is_served_evenly(seed: int, kind: str) -> None:
    tree: Tree = getattr(_grown(seed), kind)
    tips = np.bincount(tree.lobe[tree.terminal], minlength=6)[1:].astype(float)
    volume = np.bincount(_map(seed).lobes.ravel(), minlength=6)[1:].astype(float)
    np.testing.assert_allclose(tips / tips.sum(), volume / volume.sum(), atol=0.04)


def test_branches_stay_in_their_lobe(seed: int) -> None:
    grown = _grown(seed)
    for tree in (grown.arteries, grown.veins, grown.airways):
        own = tree.lobe > 0
        elsewhere = _map(seed).lobe_at(_middles(tree)[own]) != tree.lobe[own]
        assert elsewhere.mean() < 0.03


def test_right_trees_lie_right_and_left_trees_left(seed: int) -> None:
    grown = _grown(seed)
    for tree in (grown.arteries, grown.veins, grown.airways):
        x = _middles(tree)[:, 0]
        assert (x[np.isin(tree.lobe, (1, 2, 3))] < 10).all()
        assert (x[np.isin(tree.lobe, (4, 5))] > -10).all()


def test_segments_begin_where_their_parents_end(seed: int) -> None:
    grown = _grown(seed)
    for tree in (grown.arteries, grown.veins, grown.airways):
        hanging = np.flatnonzero(tree.parent >= 0)
        assert (tree.parent[hanging] < hanging).all()
        np.testing.assert_array_equal(tree.start[hanging], tree.end[tree.parent[hanging]])


def test_radii_fall_from_the_hilum_to_the_tips(seed: int, kind: str) -> None:
    tree: Tree = getattr(_grown(seed), kind)
    hanging = np.flatnonzero(tree.parent >= 0)
    assert (tree.radius_start >= tree.radius_end).all()
    assert (tree.radius_end[hanging] <= tree.radius_end[tree.parent[hanging]] * 1.0001).all()
    assert tree.radius_start.max() <= LARGEST_MM[kind]
    assert tree.radius_end[tree.terminal].max() < 1.0


def test_joints_keep_murrays_law(seed: int, kind: str) -> None:
    """What the branches carry away is what came, less what the joint's own tissue takes (about a tip's)."""
    tree: Tree = getattr(_grown(seed), kind)
    hanging = np.flatnonzero(tree.parent >= 0)
    tip = tree.terminal[hanging]
    radius = np.where(tip, tree.radius_start[hanging], tree.radius_end[hanging]).astype(float)
    # A tip begins at most 1.2 times wider than it goes on; its end is three quarters of what it carries.
    radius[tip] = tree.radius_end[hanging][tip] / 0.75
    leaving = np.bincount(tree.parent[hanging], radius**MURRAY_EXPONENT, len(tree))
    arriving = tree.radius_end.astype(float) ** MURRAY_EXPONENT
    inner = ~tree.terminal & (tree.radius_end < LARGEST_MM[kind] * 0.999)
    own = (arriving - leaving)[inner]
    largest_tip = float((radius[tip] ** MURRAY_EXPONENT).max())
    assert own.min() > -1e-3 * arriving[inner].max()
    assert own.max() < 1.5 * largest_tip


def test_equal_seeds_give_equal_trees_and_others_do_not() -> None:
    first, again = (grow_vasculature(_map(3), Randomness(3, "vessels")) for _ in range(2))
    other = grow_vasculature(_map(3), Randomness(4, "vessels"))
    for name in ("arteries", "veins", "airways"):
        for field in fields(Tree):
            one, two = (getattr(getattr(grown, name), field.name) for grown in (first, again))
            np.testing.assert_array_equal(one, two)
    assert len(first.arteries) != len(other.arteries)


def test_calibre_scales_the_vessels() -> None:
    usual, wide = (grow_vasculature(_map(3), Randomness(3, "vessels"), calibre) for calibre in (1.0, 1.2))
    ratio = np.median(wide.arteries.radius_end) / np.median(usual.arteries.radius_end)
    assert ratio == pytest.approx(1.2, rel=1e-3)
    assert len(wide.airways) > len(usual.airways)


def test_arteries_and_veins_run_apart(seed: int) -> None:
    """Vessels of more than 1 mm seldom run through each other."""
    grown = _grown(seed)
    veins, arteries = (tree.subset(tree.radius_end > 1.0) for tree in (grown.veins, grown.arteries))
    gap = np.linalg.norm(_middles(veins)[:, None] - _middles(arteries)[None], axis=2)
    gap -= veins.radius_end[:, None] + arteries.radius_end[None]
    assert (gap.min(axis=1) < 0).mean() < 0.15


def test_veins_enter_below_the_arteries(seed: int) -> None:
    grown = _grown(seed)
    roots = [tree.start[tree.parent < 0][:, 2] for tree in (grown.arteries, grown.veins)]
    assert roots[1].max() < roots[0].min()


def test_airways_stay_in_the_lungs_beyond_the_hilum(seed: int) -> None:
    airways = _grown(seed).airways
    own = airways.subset(airways.lobe > 0)
    small = own.subset(own.radius_end < 1.8)
    assert (_map(seed).depth_at(small.end) > with_walls(small).radius_end).all()
    assert (_map(seed).depth_at(own.end) > 0).all()
    assert (_map(seed).lobe_at(_middles(own)) > 0).mean() > 0.98
    assert airways.radius_end.min() > 0.5


@pytest.mark.parametrize("seed", [3, 5, 11])
def test_every_lobe_has_its_bronchus(seed: int) -> None:
    """Also where a large heart leaves the bronchi little room (seed 5)."""
    airways = _grown(seed).airways
    assert set(np.unique(airways.lobe)) == {0, 1, 2, 3, 4, 5}
    assert (np.bincount(airways.lobe)[1:] >= 4).all()
    np.testing.assert_array_equal(np.unique(central_airways(airways).lobe), [0])


def test_the_main_airways_are_the_trachea_and_two_bronchi(seed: int) -> None:
    airways, hilum = _grown(seed).airways, _map(seed).hilum_mm
    main = main_airways(airways)
    trachea, bronchi = (main.subset(main.generation == number) for number in (0, 1))
    across = 2 * trachea.radius_start.max() + np.ptp(trachea.start[:, 0])
    assert 15.0 < across < 24.0
    for side in (1, 2):
        assert np.linalg.norm(bronchi.end - np.array(hilum[side]), axis=1).min() < 0.1
    middle = _map(seed).carina_mm[0]
    right, left = bronchi.end[:, 0] < middle, bronchi.end[:, 0] > middle
    assert bronchi.radius_start[right].max() > bronchi.radius_start[left].max()
    assert (airways.subset(airways.generation > 1).parent[1:] != -1).mean() > 0.95


def test_walls_surround_the_lumen_and_can_be_changed_in_some_lobes() -> None:
    tree, upper = _grown(3).airways, 1
    grid = Grid((56, 96, 110), (5.0, 2.5, 2.5), (-150.0, -115.0, -136.0), torch.device("cpu"))
    lumen, walls = airway_tensors(tree, grid)
    assert float((lumen + walls).max()) <= 1.0 + 1e-6
    assert float(walls.sum()) > 0.2 * float(lumen.sum())
    thick_lumen, thick = airway_tensors(tree, grid, wall_scale=2.0, lobes=[upper])
    assert torch.equal(lumen, thick_lumen)
    grown = thick - walls
    z, y, x = np.nonzero(grown.numpy() > 1e-4)
    assert len(z) > 50
    places = np.stack(
        [axis.numpy()[index] for axis, index in zip(grid.axes(), (z, y, x), strict=True)], axis=1
    )
    near = tree.subset(tree.lobe == upper)
    gap = np.linalg.norm(places[:, None, ::-1] - _middles(near)[None], axis=2).min(axis=1)
    assert gap.max() < 25.0
    wide, _ = airway_tensors(tree, grid, lumen_scale=1.6)
    assert float(wide.sum()) > 1.1 * float(lumen.sum())


def test_a_map_without_a_lobe_is_refused() -> None:
    whole = _map(3)
    lobes = np.where(whole.lobes == 2, 1, whole.lobes).astype(np.uint8)
    lacking = LungMap(
        lobes, whole.depth_mm, whole.first_mm, whole.step_mm, whole.hilum_mm, whole.carina_mm,
        whole.trachea_top_mm,
    )  # fmt: skip
    with pytest.raises(ValueError, match="cannot be grown"):
        grow_vasculature(lacking, Randomness(3, "vessels"))
