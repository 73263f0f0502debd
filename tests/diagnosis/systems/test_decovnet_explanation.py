"""DeCoVNet's activation map and its localisation on made images: weights, places, components."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diagnosis.results import Heatmap
from diagnosis.systems.decovnet.explanation import activation_map, features_affine
from diagnosis.systems.decovnet.localisation import component_response, published_localisation
from diagnosis.systems.decovnet.network import COVID, DeCoVNet
from diagnosis.systems.decovnet.preprocessing import NetworkInput
from diagnosis.systems.interface import Case
from diagnosis.volume import CTVolume, millimetres

AFFINE = np.array([[-1.1, 0, 0, 40], [0, 0.9, 0, -30], [0, 0, 2.5, 5], [0, 0, 0, 1.0]])
SHAPE = (40, 60, 84)


def test_the_map_is_the_rectified_sum_of_features_by_their_weights() -> None:
    torch.manual_seed(0)
    network = DeCoVNet(shrink=4).eval()
    features = torch.rand(1, 128, 3, 4, 5)
    found = activation_map(network, features, "released")
    weights = network.effective_weights().detach()
    expected = (features[0] * weights[:, None, None, None]).sum(0).clamp(min=0)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-9)
    assert found.dtype == np.float32


def test_the_gradient_map_weighs_features_by_their_mean_gradient() -> None:
    """A small step of all cells of one feature changes the logit by as much as its weight says."""
    torch.manual_seed(0)
    network = DeCoVNet(shrink=36).eval().double()
    features = torch.rand(1, 128, 2, 3, 4, dtype=torch.float64)
    step = 1e-6 * torch.eye(128, dtype=torch.float64)[..., None, None, None]
    with torch.no_grad():
        moved = network.classify(features + step)[:, COVID] - network.classify(features)[0, COVID]
        expected = torch.einsum("c,czyx->zyx", moved / 1e-6 / 24, features[0]).clamp(min=0)
    found = activation_map(network, features, "gradient")
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-9)
    assert found.max() > 0
    assert not any(parameter.grad is not None for parameter in network.parameters())


def test_cells_lie_where_what_they_see_is_centred() -> None:
    """The voxels that move a feature lie evenly around the place that the affine gives its cell."""
    torch.manual_seed(0)
    network = DeCoVNet().eval()
    places = [(at, 0, 24) for at in range(12)] + [(5, 0, at) for at in range(48)]
    images = torch.zeros(len(places) + 1, 2, 12, 8, 48)
    for image, (z, y, x) in zip(images, places, strict=False):
        image[0, z, y, x] = 100
    with torch.no_grad():
        features = network.features(images)[:, :, 2, 0, 3]
    moved = (features != features[-1]).any(dim=1).numpy()
    slices, columns = np.flatnonzero(moved[:12]), np.flatnonzero(moved[12:60])
    middle = ((slices[0] + slices[-1]) / 2, 0.0, (columns[0] + columns[-1]) / 2)
    assert millimetres(features_affine(AFFINE), (2, 0, 3)) == pytest.approx(millimetres(AFFINE, middle))


def shown(mottled: tuple[slice, slice, slice], *, lung_grey: int = 40) -> NetworkInput:
    """A lung that fills the box; a part of it is a lattice of dense voxels, every second one."""
    image = np.zeros((2, *SHAPE), np.uint8)
    image[0], image[1] = lung_grey, 1
    lattice = np.zeros(SHAPE, bool)
    lattice[:, ::2, :] = lattice[:, :, ::2] = True
    dense = np.zeros(SHAPE, bool)
    dense[mottled] = lattice[mottled]
    dense &= ~_thinned()
    image[0][dense] = 170
    return NetworkInput(image, AFFINE)


def _thinned() -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Every second row between the lattice's lines stays open, so that about half of a window is air."""
    open_ = np.zeros(SHAPE, bool)
    open_[:, 1::2, ::4] = True
    return open_


MOTTLED = (slice(20, 26), slice(12, 30), slice(60, 78))


def test_the_response_is_the_largest_part_that_breaks_into_pieces() -> None:
    small = (slice(28, 30), slice(42, 54), slice(6, 18))
    both = shown(MOTTLED)
    both.image[0][small] = shown(small).image[0][small]
    response = component_response(both)
    assert (response.kind, response.reference, response.threshold) == ("3dcc", 1.0, 0.5)
    assert response.values.shape == (40, 10, 14)
    marked = np.argwhere(response.values == 1)
    assert marked.min(axis=0).tolist() == [20, 2, 10]
    assert marked.max(axis=0).tolist() == [25, 4, 12]
    assert response.values.sum() == 6 * 3 * 3
    assert millimetres(response.affine, (20, 2, 10)) == pytest.approx(millimetres(AFFINE, (20, 14.5, 62.5)))


def test_the_highest_tenth_and_the_lowest_fifth_do_not_respond() -> None:
    everywhere = shown((slice(None), slice(12, 30), slice(60, 78)))
    rows = np.flatnonzero(component_response(everywhere).values.any(axis=(1, 2)))
    assert (int(rows[0]), int(rows[-1])) == (8, 35)


@pytest.mark.parametrize("grey", [40, 170])
def test_lungs_in_one_piece_do_not_respond(grey: int) -> None:
    assert not component_response(shown((slice(0, 0),) * 3, lung_grey=grey)).values.any()


def activation(*places: tuple[slice, slice, slice], strength: tuple[float, ...] = (1.0, 1.0)) -> Heatmap:
    values = np.full(SHAPE, 0.01, np.float32)
    for place, value in zip(places, strength, strict=False):
        values[place] = value
    return Heatmap("COVID-19", "cam", values, AFFINE, 2.0, 0.9)


def case() -> Case:
    hu = np.full(SHAPE, -850, np.int16)
    return Case(CTVolume(hu, AFFINE), np.ones(SHAPE, np.uint8))


def test_the_published_region_is_the_strong_part_that_meets_the_response() -> None:
    grey = shown(MOTTLED, lung_grey=80)
    grey.image[0][MOTTLED] = np.maximum(grey.image[0][MOTTLED], 80)
    elsewhere = (slice(5, 17), slice(30, 50), slice(10, 30))
    meeting = (slice(18, 24), slice(16, 30), slice(56, 72))
    cam = activation(elsewhere, meeting)
    (region,) = published_localisation(cam, component_response(grey), grey, case())
    assert region.id == "R1"
    assert region.class_name == "COVID-19"
    assert (region.origin, region.mask.shape) == ((18, 16, 56), (6, 14, 16))
    assert region.evidence == pytest.approx(0.5)
    # without any response the largest part
    quiet = component_response(shown((slice(0, 0),) * 3, lung_grey=80))
    (largest,) = published_localisation(cam, quiet, grey, case())
    assert (largest.origin, largest.mask.shape) == ((5, 30, 10), (12, 20, 20))


def test_dark_voxels_weak_activation_and_slices_of_little_lung_are_left_out() -> None:
    place = (slice(10, 20), slice(10, 30), slice(10, 30))
    grey = shown((slice(0, 0),) * 3, lung_grey=80)
    grey.image[0][10:13] = 75  # not above 75
    grey.image[1][18:20, 24:] = 0  # 40 % of the largest area
    cam = activation(place, (slice(30, 35), slice(30, 40), slice(40, 50)), strength=(1.0, 0.5))
    (region,) = published_localisation(cam, component_response(grey), grey, case())
    assert (region.origin, region.mask.shape) == ((13, 10, 10), (5, 20, 20))


def test_a_map_of_nothing_points_nowhere() -> None:
    grey = shown(MOTTLED)
    cam = activation()
    cam.values[:] = 0
    assert published_localisation(cam, component_response(grey), grey, case()) == []
