"""The density system on phantoms: what it measures, where, and by which rule."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from diagnosis.pipeline import load_system
from diagnosis.results import SystemResult
from diagnosis.systems.catalogue import catalogue
from diagnosis.systems.density.closed_rule import dense_from
from diagnosis.systems.interface import Case
from diagnosis.volume import CTVolume
from tests.phantoms import ChestPhantom, chest_phantom


def run(phantom: ChestPhantom, rule: str = "closed", volume: CTVolume | None = None) -> SystemResult:
    case = Case(volume or phantom.volume, phantom.lungs)
    return load_system("density").run(case, {"rule": rule}, lambda part: None)


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(slices=80, size=160)


@pytest.fixture(scope="module")
def result(phantom: ChestPhantom) -> SystemResult:
    return run(phantom)


def test_infected_volume_comes_close_to_the_truth(phantom: ChestPhantom, result: SystemResult) -> None:
    found = result.quantification
    assert found is not None
    assert found.right.infected_ml == pytest.approx(phantom.ground_glass_ml, rel=0.15)
    assert found.left.infected_ml == pytest.approx(phantom.consolidation_ml, rel=0.15)
    assert found.infected_percent == pytest.approx(phantom.infected_percent, abs=0.3)


def test_each_lesion_is_one_region_on_its_side(phantom: ChestPhantom, result: SystemResult) -> None:
    assert [region.side for region in result.regions] == ["right", "left"]
    for region, truth in zip(result.regions, (phantom.ground_glass, phantom.consolidation), strict=True):
        box = tuple(slice(a, a + n) for a, n in zip(region.origin, region.mask.shape, strict=True))
        assert truth[box][region.mask].sum() > 0.97 * truth.sum()
        assert 0.6 < region.evidence <= 1.0


def test_the_heatmap_is_a_share_with_reference_1(result: SystemResult) -> None:
    (heatmap,) = result.heatmaps
    assert heatmap.reference == 1.0
    assert heatmap.values.min() >= 0.0
    assert 0.95 < heatmap.values.max() <= 1.0
    assert heatmap.values.dtype == np.float32


def test_healthy_lungs_have_no_region() -> None:
    healthy = run(chest_phantom(slices=80, size=160, lesions=False))
    assert healthy.regions == []
    assert healthy.quantification is not None
    assert healthy.quantification.infected_percent < 0.02


def test_vessels_are_not_infected(phantom: ChestPhantom) -> None:
    """Tubes of 4 mm at 40 HU through both lungs, every 17 mm: 5 % of the lung."""
    hu = chest_phantom(slices=80, size=160, lesions=False).volume.hu.copy()
    tubes = np.zeros(hu.shape, bool)
    tubes[:, ::8, ::8] = tubes[:, 1::8, ::8] = tubes[:, ::8, 1::8] = tubes[:, 1::8, 1::8] = True
    hu[tubes & (phantom.lungs > 0)] = 40
    found = run(phantom, volume=CTVolume(hu, phantom.volume.affine)).quantification
    assert found is not None
    assert found.infected_percent < 0.2


def test_noise_of_a_low_dose_scan_is_not_infected() -> None:
    noisy = chest_phantom(slices=80, size=160, lesions=False, noise_hu=120.0)
    found = run(noisy).quantification
    assert found is not None
    assert found.infected_percent < 0.1


def test_a_lung_ill_all_over_does_not_become_its_own_norm() -> None:
    assert dense_from(np.full(1000, -620.0, np.float32)) < -580
    assert dense_from(np.full(1000, -850.0, np.float32)) == pytest.approx(-700)


def test_the_published_rule_counts_its_band_in_its_own_lungs(phantom: ChestPhantom) -> None:
    """The band starts near -505 HU; what is denser than the two clusters' border is lost, as published."""
    hu = phantom.volume.hu.copy()
    hu[phantom.ground_glass] = -470
    found = run(phantom, "published", CTVolume(hu, phantom.volume.affine))
    assert found.quantification is not None
    assert found.quantification.right.infected_ml == pytest.approx(phantom.ground_glass_ml, rel=0.3)
    assert found.quantification.left.infected_ml < 0.3 * phantom.consolidation_ml
    assert [region.side for region in found.regions][:1] == ["right"]


def test_the_catalogue_loads_neither_torch_nor_scipy() -> None:
    code = (
        "import sys; from diagnosis.systems.catalogue import catalogue; catalogue();"
        "print(sorted({'torch', 'scipy', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_heatmap_a_spec_promises_is_made(result: SystemResult) -> None:
    made = tuple((heatmap.class_name, heatmap.kind) for heatmap in result.heatmaps)
    assert made == tuple(catalogue()["density"].heatmaps)
