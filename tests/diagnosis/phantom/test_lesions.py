from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from diagnosis.phantom.chest import Chest
from diagnosis.phantom.disease import Disease, Kind, Negatives, draw_disease
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.lesions.crazy_paving import net_at, seeds_of_net
from diagnosis.phantom.lesions.painting import Diseased, add_lesions
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.tree import Tree
from diagnosis.phantom.vessels import Vasculature
from diagnosis.phantom.visibility import visible
from diagnosis.results import (
    ATELECTASIS,
    CONSOLIDATION,
    CRAZY_PAVING,
    EFFUSION,
    EMPHYSEMA,
    GROUND_GLASS,
    NODULE,
    OTHER_INFECTION,
)

LUNG_HU, BLOOD_HU, AIR_HU, WALL_HU = -850.0, 40.0, -985.0, 45.0
TYPICAL = 8
"""A seed whose pneumonias look like their class."""
HEALTHY = Negatives(0.0, 0, 0, False, (0.0, 0.0), 0)
SMALL = Grid((28, 56, 72), (5.0, 2.2, 2.2), (-67.0, -60.0, -78.0), torch.device("cpu"))
FINER = Grid((46, 70, 92), (3.0, 1.75, 1.75), (-67.4, -60.3, -78.2), torch.device("cpu"))


@cache
def chest(grid: Grid = SMALL, fluid_mm: float = 0.0) -> Chest:
    """Two ellipsoid lungs of about 0.8 l; lobes cut by planes; rods for vessels and bronchi."""
    z, y, x = torch.meshgrid(*grid.axes(), indexing="ij")
    depth = torch.stack([_ellipsoid(z, y, x - side * 37.0) for side in (-1, 1)]).amax(dim=0)
    fluid = (depth > 0) & (depth < fluid_mm) & (y > 15) & (x > 0)
    inside = (depth > 0) & ~fluid
    lungs = torch.where(inside, torch.where(x < 0, 1, 2), 0).to(torch.uint8)
    low = z + 0.8 * y < -10
    upper = torch.where(x < 0, torch.where((z < 10) & ~low, 2, 1), 4)
    lobes = torch.where(inside, torch.where(low, torch.where(x < 0, 3, 5), upper), 0).to(torch.uint8)
    vessels = ((torch.remainder(y + 200, 22) < 3) & (torch.remainder(x + 200, 26) < 3) & inside).float()
    lumen = ((torch.remainder(y + 211, 22) < 3) & (torch.remainder(x + 200, 26) < 3) & inside).float()
    parenchyma = torch.full(grid.shape, LUNG_HU)
    hu = torch.where(inside, parenchyma, WALL_HU)
    hu = torch.where(vessels > 0, BLOOD_HU, torch.where(lumen > 0, AIR_HU, hu))
    return Chest(
        grid=grid, hu=torch.where(fluid, 5.0, hu), lungs=lungs, lobes=lobes, depth_mm=depth,
        costal_mm=torch.where(x.abs() > 19, depth, depth + 30), vessels=vessels, lumen=lumen,
        airway_walls=torch.zeros(grid.shape), effusion=fluid, body=torch.ones_like(inside),
        vasculature=_vasculature(), parenchyma_hu=parenchyma,
    )  # fmt: skip


def _ellipsoid(z: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """About the distance to the surface of an ellipsoid lung, positive inside."""
    return 32.0 * (1.0 - ((z / 60.0) ** 2 + (y / 51.0) ** 2 + (x / 32.0) ** 2).sqrt())


@cache
def _vasculature() -> Vasculature:
    random = np.random.default_rng(3)
    end = random.uniform((12, -45, -55), (64, 45, 55), (300, 3)).astype(np.float32)
    end[::2, 0] *= -1
    inside = ((end[:, 2] / 60) ** 2 + (end[:, 1] / 51) ** 2 + ((abs(end[:, 0]) - 37) / 32) ** 2) < 0.8
    end = end[inside]
    start = end - np.array([9.0, 3.0, 6.0], np.float32) * np.sign(end)
    radius = np.linspace(0.6, 2.4, len(end), dtype=np.float32)
    low = end[:, 2] + 0.8 * end[:, 1] < -10
    upper = np.where(end[:, 0] < 0, np.where((end[:, 2] < 10) & ~low, 2, 1), 4)
    lobe = np.where(low, np.where(end[:, 0] < 0, 3, 5), upper).astype(np.uint8)
    tree = Tree(
        start, end, radius, radius, lobe, np.ones(len(end), bool), np.full(len(end), 4, np.int32),
        np.full(len(end), -1, np.int32),
    )  # fmt: skip
    return Vasculature(tree, tree, tree.subset(radius > 2.1))


def disease_of(kind: Kind, seed: int = 1, severity: float | None = 0.6, day: float | None = 8.0) -> Disease:
    return draw_disease(kind, severity, day, Randomness(seed, "disease"))


def pure(kind: Kind, pattern: str, **changes: object) -> Disease:
    """A pneumonia of this pattern without anything beside it."""
    usual: dict[str, object] = {
        "pattern": pattern, "negatives": HEALTHY, "reverse_halo": False, "edge_mm": 1.5,
        "consolidation_factor": 3.0 if kind == "cap" else 1.0, "crazy_paving_factor": 0.0,
        "reference_day": 8.0,
    }  # fmt: skip
    return replace(disease_of(kind, TYPICAL), **(usual | changes))  # type: ignore[arg-type]


def painted(disease: Disease, seed: int = 1, grid: Grid = SMALL, fluid_mm: float = 0.0) -> Diseased:
    return add_lesions(chest(grid, fluid_mm), disease, Randomness(seed, "lesions"))


def infected(diseased: Diseased) -> Tensor:
    return (diseased.labels >= GROUND_GLASS) & (diseased.labels <= OTHER_INFECTION)


def percent(diseased: Diseased, grid: Grid = SMALL) -> float:
    lungs = chest(grid).lungs > 0
    return 100 * float((infected(diseased) & lungs).sum()) / float(lungs.sum())


def dice(one: Tensor, other: Tensor) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


@pytest.mark.parametrize("kind", ["np", "cap", "covid"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_lesion_but_effusion_lies_outside_the_lungs(kind: Kind, seed: int) -> None:
    everything = replace(
        disease_of(kind, seed), effusion_depth_mm=(0.0, 12.0),
        negatives=Negatives(0.6, 3, 4, True, (14.0, 9.0), 4),
    )  # fmt: skip
    labels = painted(everything, seed, fluid_mm=9.0).labels
    outside = (labels > 0) & (chest(SMALL, 9.0).lungs == 0)
    assert outside.any()
    assert (labels[outside] == EFFUSION).all()


@pytest.mark.parametrize("kind", ["cap", "covid"])
def test_infected_percentage_follows_severity(kind: Kind) -> None:
    severities = (0.12, 0.3, 0.45, 0.55, 0.85, 1.0)
    diseases = [replace(disease_of(kind, 4, severity, None), negatives=HEALTHY) for severity in severities]
    found = [percent(painted(disease, 4)) for disease in diseases]
    assert found == sorted(found)
    assert len(set(found)) == len(found)
    for measured, disease in zip(found, diseases, strict=True):
        assert measured == pytest.approx(100 * disease.infected_fraction, rel=0.2, abs=0.3)


def test_same_randomness_gives_bit_equal_lesions_and_leaves_the_chest_alone() -> None:
    before = chest().hu.clone()
    one, other = painted(disease_of("cap")), painted(disease_of("cap"))
    assert torch.equal(one.hu, other.hu)
    assert torch.equal(one.labels, other.labels)
    assert torch.equal(chest().hu, before)


def test_another_seed_gives_other_lesions() -> None:
    disease = pure("covid", "peripheral")
    assert dice(infected(painted(disease, 1)), infected(painted(disease, 2))) < 0.6


def test_days_keep_their_places_and_grow_or_shrink() -> None:
    disease = pure("covid", "peripheral", reference_day=10.0, severity=0.6)
    on_day = {day: infected(painted(replace(disease, day=float(day)))) for day in (4, 6, 8, 10, 14, 17, 21)}
    days = list(on_day)
    for earlier, later in itertools.pairwise(days):
        assert dice(on_day[earlier], on_day[later]) > 0.6
    assert float((on_day[4] & on_day[10]).sum()) / float(on_day[4].sum()) > 0.97
    assert float((on_day[21] & on_day[10]).sum()) / float(on_day[21].sum()) > 0.9
    sizes = [int(on_day[day].sum()) for day in days]
    assert sizes[:4] == sorted(sizes[:4])
    assert sizes[3:] == sorted(sizes[3:], reverse=True)


def test_lesions_are_the_same_on_another_grid() -> None:
    disease = pure("covid", "peripheral", severity=0.7)
    coarse, fine = painted(disease), painted(disease, grid=FINER)
    assert percent(fine, FINER) == pytest.approx(percent(coarse), rel=0.1)
    lookup = [
        ((torch.as_tensor(axis) - first) / step).round().long().clamp(0, size - 1)
        for axis, first, step, size in zip(
            SMALL.axes(), FINER.first_mm, FINER.spacing_mm, FINER.shape, strict=True
        )
    ]
    z, y, x = lookup
    assert dice(infected(fine)[z][:, y][:, :, x], infected(coarse)) > 0.85


def test_ground_glass_keeps_vessels_and_bronchi() -> None:
    disease = pure("covid", "diffuse", consolidation_factor=0.0, crazy_paving_factor=0.0, day=5.0)
    diseased = painted(disease)
    core = torch.from_numpy(ndimage.binary_erosion((diseased.labels == GROUND_GLASS).numpy()))
    healthy = chest()
    free = core & (healthy.vessels == 0) & (healthy.lumen == 0)
    assert (diseased.hu[core & (healthy.vessels > 0)] - BLOOD_HU).abs().max() < 5
    assert (diseased.hu[core & (healthy.lumen > 0)] - AIR_HU).abs().max() < 5
    assert float(diseased.hu[free].min()) > -790
    assert float(diseased.hu[free].max()) < -300


def test_consolidation_hides_vessels_and_keeps_the_air_bronchogram() -> None:
    disease = pure("cap", "lobar", consolidation_hu=40.0, airways=replace(disease_of("np").airways))
    diseased = painted(disease)
    solid = torch.from_numpy(ndimage.binary_erosion((diseased.labels == CONSOLIDATION).numpy(), iterations=2))
    healthy = chest()
    assert float(diseased.hu[solid & (healthy.vessels > 0)].median()) == pytest.approx(40.0, abs=15)
    assert float(diseased.hu[solid & (healthy.vessels == 0) & (healthy.lumen == 0)].median()) > 0
    assert float(diseased.hu[solid & (healthy.lumen > 0)].max()) < -900


def test_lobar_pneumonia_stops_at_the_fissure_and_has_a_halo() -> None:
    disease = pure("cap", "lobar", severity=0.5, lobes=(3, 5, 1, 4, 2), reference_day=4.0, day=4.0)
    labels = painted(replace(disease, airways=disease_of("np").airways)).labels
    counts = torch.bincount(chest().lobes[(labels > 0) & (labels < 4)].long(), minlength=6)
    assert counts[3] > 0.85 * counts.sum()
    assert (labels == GROUND_GLASS).any()


def test_crazy_paving_is_a_net_on_ground_glass() -> None:
    disease = pure("covid", "peripheral", crazy_paving_factor=2.0, severity=0.9)
    diseased = painted(disease, grid=FINER)
    without = painted(replace(disease, crazy_paving_factor=0.0), grid=FINER)
    paved = (diseased.labels == CRAZY_PAVING) & (chest(FINER).vessels == 0) & (chest(FINER).lumen == 0)
    assert paved.sum() > 500
    added = (diseased.hu - without.hu)[paved]
    assert 20 < float(added.mean()) < 150
    assert float(added.min()) == 0
    assert float(added.max()) > 150


def test_the_net_has_cells_of_about_six_millimetres() -> None:
    line = torch.zeros(6000, 3)
    line[:, 2] = torch.arange(6000) * 0.1
    walls = net_at(line, 1.0, seeds_of_net(Randomness(1, "net"))) > 0.5
    crossings = int((walls[1:] & ~walls[:-1]).sum())
    assert 600 / 8 < crossings < 600 / 5
    assert 0.1 < float(walls.float().mean()) < 0.5


@pytest.mark.timeout(300)  # sixty patients
def test_covid_is_more_bilateral_peripheral_and_lower_than_cap() -> None:
    seen = {kind: np.array([_signature(kind, seed) for seed in range(30)]) for kind in ("covid", "cap")}
    covid, cap = seen["covid"].mean(axis=0), seen["cap"].mean(axis=0)
    assert covid[0] > cap[0]
    assert covid[1] > cap[1]
    assert covid[2] > cap[2] - 0.1
    assert covid[3] > cap[3]
    assert covid[4] < cap[4]


def _signature(kind: Kind, seed: int) -> tuple[float, ...]:
    """Smaller side's share, share within 15 mm of the chest wall, of lower lobes, of ground glass; solid."""
    disease = replace(disease_of(kind, seed, 0.5, None), negatives=HEALTHY)
    diseased = painted(disease, seed)
    where = infected(diseased)
    healthy = chest()
    count = float(where.sum())
    lobes = torch.bincount(healthy.lobes[where].long(), minlength=6) / count
    right = float(lobes[1:4].sum())
    kinds = torch.bincount(diseased.labels[where].long(), minlength=5) / count
    peripheral = float((healthy.costal_mm[where] < 15).float().mean())
    return min(right, 1 - right), peripheral, float(lobes[3] + lobes[5]), float(kinds[1]), float(kinds[3])


def test_bronchopneumonia_fills_buds_and_thickens_walls() -> None:
    sick = replace(
        disease_of("cap").airways, tree_in_bud=1.0, wall_scale=2.5, lumen_scale=1.5, cavities=0
    )  # fmt: skip
    with_airways = painted(pure("cap", "bronchopneumonia", airways=sick), grid=FINER)
    without = painted(
        pure("cap", "bronchopneumonia", airways=disease_of("np").airways), grid=FINER
    )  # fmt: skip
    assert (with_airways.labels == OTHER_INFECTION).sum() > 100
    assert not (without.labels == OTHER_INFECTION).any()
    buds = with_airways.labels == OTHER_INFECTION
    assert float((with_airways.hu - chest(FINER).hu)[buds].median()) > 100


def test_cavities_are_air_inside_a_wall() -> None:
    sick = replace(disease_of("np").airways, cavities=3)
    disease = pure("cap", "lobar", airways=sick, severity=0.8)
    diseased = painted(disease, grid=FINER)
    holes = (diseased.hu < -930) & (chest(FINER).lumen == 0) & (diseased.labels == CONSOLIDATION)
    assert holes.sum() > 50


@pytest.mark.parametrize(
    ("negatives", "value", "lowest_hu", "highest_hu"),
    [
        (replace(HEALTHY, emphysema=0.8), EMPHYSEMA, -1000, -900),
        (replace(HEALTHY, nodules=1, mass=True), NODULE, -100, 70),
        (replace(HEALTHY, atelectasis_mm=(20.0, 20.0)), ATELECTASIS, -400, 70),
        (replace(HEALTHY, bands=6), ATELECTASIS, -840, 70),
    ],
)
def test_what_is_no_infection_has_its_own_value_and_density(
    negatives: Negatives, value: int, lowest_hu: float, highest_hu: float
) -> None:
    diseased = painted(replace(disease_of("np"), negatives=negatives))
    assert set(diseased.labels.unique().tolist()) == {0, value}
    assert lowest_hu < float(diseased.hu[diseased.labels == value].median()) < highest_hu
    assert diseased.co_rads == 1


def test_dependent_atelectasis_lies_at_the_back() -> None:
    negatives = replace(HEALTHY, atelectasis_mm=(15.0, 15.0))
    labels = painted(replace(disease_of("np"), negatives=negatives)).labels
    y = SMALL.axes()[1][(labels == ATELECTASIS).nonzero()[:, 1]]
    assert float((y > 0).float().mean()) > 0.95


def test_fluid_presses_the_lung_beside_it_empty() -> None:
    disease = replace(disease_of("np"), negatives=HEALTHY, effusion_depth_mm=(0.0, 12.0))
    labels = painted(disease, fluid_mm=9.0).labels
    fluid = chest(SMALL, 9.0).effusion
    assert (labels[fluid] == EFFUSION).all()
    beside = ndimage.binary_dilation(fluid.numpy(), iterations=2) & (chest(SMALL, 9.0).lungs > 0).numpy()
    assert (labels.numpy()[beside] == ATELECTASIS).mean() > 0.4


def test_likeness_to_covid_has_five_steps() -> None:
    assert painted(pure("covid", "peripheral", severity=0.8)).co_rads == 5
    assert painted(pure("covid", "peripheral", severity=0.12)).co_rads == 3
    lobar = pure("cap", "lobar", severity=0.5, lobes=(3, 5, 1, 4, 2), reference_day=8.0)
    assert painted(lobar).co_rads == 2
    assert painted(replace(disease_of("np"), negatives=HEALTHY)).co_rads == 1


def test_a_chest_without_lungs_is_refused() -> None:
    empty = replace(chest(), lungs=torch.zeros_like(chest().lungs))
    with pytest.raises(ValueError, match="no lungs"):
        add_lesions(empty, disease_of("covid"), Randomness(1, "lesions"))


def test_only_what_stands_out_by_60_hu_is_visible() -> None:
    lungs = torch.ones(2, 40, 40, dtype=torch.uint8)
    lesions = torch.zeros_like(lungs)
    lesions[0, 2:12, 2:12] = GROUND_GLASS
    lesions[0, 2:12, 22:32] = CONSOLIDATION
    lesions[0, 25:35, 2:12] = NODULE
    hu = torch.full((2, 40, 40), -850, dtype=torch.int16)
    hu[0, 2:12, 2:12] = -800
    hu[0, 2:12, 22:32] = -780
    seen, ignored = visible(hu, lesions, lungs)
    assert not (seen == GROUND_GLASS).any()
    assert ignored[0, 2:12, 2:12].all()
    assert (seen[0, 4:10, 24:30] == CONSOLIDATION).all()
    assert ignored[0, 2, 22]  # smoothing takes the corner below 60 HU
    assert torch.equal(seen == NODULE, lesions == NODULE)
    assert torch.equal(ignored, (lesions > 0) & (lesions <= OTHER_INFECTION) & (seen == 0))
    assert not ignored[1].any()


def test_each_slice_is_compared_with_its_own_healthy_lung() -> None:
    lungs = torch.ones(3, 30, 30, dtype=torch.uint8)
    lesions = torch.zeros_like(lungs)
    lesions[:2, 5:20, 5:20] = GROUND_GLASS
    lesions[2] = GROUND_GLASS
    hu = torch.full((3, 30, 30), -850, dtype=torch.int16)
    hu[1] = -780
    hu[:2, 5:20, 5:20] = -760
    hu[2] = -700
    seen, _ = visible(hu, lesions, lungs)
    assert (seen[0, 8:17, 8:17] == GROUND_GLASS).all()
    assert not seen[1].any()
    assert (seen[2] == GROUND_GLASS).all()


def test_nothing_infected_leaves_nothing_to_ignore() -> None:
    lesions = torch.zeros(2, 8, 8, dtype=torch.uint8)
    lesions[0] = EMPHYSEMA
    seen, ignored = visible(torch.zeros(2, 8, 8, dtype=torch.int16), lesions, torch.ones_like(lesions))
    assert torch.equal(seen, lesions)
    assert not ignored.any()
