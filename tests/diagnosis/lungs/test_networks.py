"""The lung and lobe networks: published counts, shapes, and what they are given to see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from diagnosis.describing import observed
from diagnosis.inference import SliceReader, fast_dtype, fold_batch_norm
from diagnosis.lungs.deepmedic import DeepMedic, original_deepmedic
from diagnosis.lungs.input import deepmedic_window, lung_window
from diagnosis.lungs.lobe_input import CHANNELS, GRID, centres, grid_positions, lobe_case, lobe_truth
from diagnosis.lungs.lobe_network import CLASSES, LobeUNet
from diagnosis.lungs.unet2d import LungUNet
from diagnosis.preprocessing.network_grid import cropped_affine, network_grid
from diagnosis.volume import CTVolume, millimetres, spacing_of
from tests.phantoms import ChestPhantom, chest_phantom


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution_macs(network: nn.Module, *shape: int) -> int:
    return sum(
        layer.macs
        for layer in observed(network.to("meta"), torch.empty(*shape, device="meta"))
        if "Norm" not in layer.type
    )


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(slices=28, size=48)


def test_the_lung_network_has_the_published_size() -> None:
    assert parameters(LungUNet()) == 839_506
    assert convolution_macs(LungUNet(), 1, 1, 368, 368) / 1e9 == pytest.approx(4.00, abs=0.005)
    assert convolution_macs(LungUNet(), 1, 1, 512, 512) / 1e9 == pytest.approx(7.75, abs=0.005)


def test_deepmedic_has_the_published_size_and_its_wider_fit() -> None:
    assert parameters(original_deepmedic()) == 657_842
    assert parameters(DeepMedic()) == 2_143_067
    assert convolution_macs(DeepMedic(), 1, 1, 72, 72, 72) / 72**3 / 1e3 == pytest.approx(777, abs=0.5)


def test_the_lobe_network_is_small() -> None:
    assert parameters(LobeUNet()) == 1_015_926
    assert parameters(LobeUNet()) <= 1_500_000


@pytest.mark.parametrize("shape", [(64, 64), (50, 37), (16, 129)])
def test_the_lung_network_takes_every_size(shape: tuple[int, int]) -> None:
    logits = LungUNet().eval()(torch.zeros(1, 1, *shape))
    assert logits.shape == (1, 2, *shape)


@pytest.mark.parametrize("shape", [(9, 9, 9), (10, 13, 20)])
def test_deepmedic_takes_every_size(shape: tuple[int, int, int]) -> None:
    for network in (original_deepmedic(), DeepMedic()):
        assert network.eval()(torch.zeros(1, 1, *shape)).shape == (1, 2, *shape)


def test_the_lobe_network_answers_on_its_input_grid() -> None:
    small = LobeUNet().eval()(torch.rand(1, len(CHANNELS), 16, 24, 32))
    assert small.shape == (1, CLASSES, 16, 24, 32)


def test_folding_batch_norm_changes_nothing() -> None:
    torch.manual_seed(3)
    network = LungUNet()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        before = network.eval()(image)
        after = fold_batch_norm(network)(image)
    assert torch.allclose(before, after, atol=1e-5)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


@pytest.mark.parametrize("shape", [(32, 32), (37, 50)])
def test_a_slice_reader_gives_single_precision_logits_of_the_input_size(shape: tuple[int, int]) -> None:
    torch.manual_seed(4)
    network = LungUNet()
    image = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    with torch.no_grad():
        padded = nn.functional.pad(torch.from_numpy(image), (0, -shape[1] % 16, 0, -shape[0] % 16))
        wanted = network.eval()(padded[None])[0, :, : shape[0], : shape[1]]
    for dtype, allowed in ((torch.float32, 1e-4), (torch.bfloat16, 0.02)):
        logits = SliceReader(copied(network), device=torch.device("cpu"), dtype=dtype)(image)
        assert logits.dtype == torch.float32
        assert logits.shape == (2, *shape)
        assert float((logits.softmax(0) - wanted.softmax(0)).abs().max()) < allowed


def copied(network: LungUNet) -> LungUNet:
    copy = LungUNet()
    copy.load_state_dict(network.state_dict())
    return copy


def test_a_processor_without_bfloat16_gets_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has=has: {"avx512_bf16": has})
        assert fast_dtype(torch.device("cpu")) == dtype


def test_windows_are_as_published() -> None:
    hu = np.array([-3024, -1200, -300, 600, 3000], dtype=np.int16)
    assert lung_window(hu) == pytest.approx([0, 0, 0.5, 1, 1], abs=0.002)
    greys = lung_window(hu) * 255
    assert np.allclose(greys, np.rint(greys), atol=1e-4)
    assert deepmedic_window(np.array([-1500, -1100, -500, 100], dtype=np.int16)) == pytest.approx(
        [0, 0, 0.5, 1]
    )


@pytest.mark.parametrize(
    ("pixel", "wanted"), [(0.35, 1.4), (0.7, 1.4), (0.6, 1.2), (0.9, 1.8), (1.0, 1.0), (1.7, 1.7), (3.5, 1.4)]
)
def test_pixels_come_near_those_of_training(pixel: float, wanted: float) -> None:
    volume = CTVolume(np.zeros((3, 24, 31), np.int16), np.diag([pixel, pixel, 5.0, 1.0]))
    hu, affine = network_grid(volume)
    assert spacing_of(affine) == pytest.approx((5.0, wanted, wanted))
    assert hu.shape[0] == 3


@pytest.mark.parametrize(
    ("step", "wanted"), [(0.6, 2.4), (0.7, 2.1), (1.0, 2.0), (1.25, 2.5), (1.8, 1.8), (5.0, 5.0)]
)
def test_thin_slices_are_pooled(step: float, wanted: float) -> None:
    volume = CTVolume(np.zeros((30, 8, 8), np.int16), np.diag([1.4, 1.4, step, 1.0]))
    assert spacing_of(network_grid(volume, thinnest_mm=2.0)[1])[0] == pytest.approx(wanted)


def test_the_grid_knows_where_it_lies() -> None:
    """A ramp of HU along x stays what it was at every position in mm, in a box, pooled or refined."""
    for pixel in (0.7, 3.0):
        affine = np.array([[pixel, 0, 0, -90], [0, pixel, 0, 20], [0, 0, 2, -500], [0, 0, 0, 1.0]])
        x_mm = np.arange(40) * pixel - 90
        volume = CTVolume(np.broadcast_to(np.rint(10 * x_mm), (4, 40, 40)).astype(np.int16), affine)
        hu, grid = network_grid(volume, (slice(1, 3), slice(4, 36), slice(6, 38)))
        inner = hu.shape[2] // 2
        assert hu[1, 5, inner] == pytest.approx(10 * millimetres(grid, (1, 5, inner))[0], abs=1)
        assert millimetres(grid, (0, 0, 0))[2] == pytest.approx(-498)


def test_a_crop_starts_where_its_first_voxel_lies() -> None:
    affine = np.array([[2.0, 0, 0, 1], [0, 3, 0, 2], [0, 0, 4, 3], [0, 0, 0, 1]])
    cropped = cropped_affine(affine, (slice(1, 5), slice(2, 5), slice(3, 5)))
    assert millimetres(cropped, (0, 0, 0)) == millimetres(affine, (1, 2, 3))


def test_the_lobe_case_covers_the_lungs_and_keeps_their_sides(phantom: ChestPhantom) -> None:
    case = lobe_case(phantom.volume.hu, phantom.lungs)
    assert case.values.shape == (len(CHANNELS), *GRID)
    ct, right, left, z, y, x = case.values
    assert 0 <= ct.min() <= ct.max() <= 1 + 1e-5
    assert (right * x).sum() < 0 < (left * x).sum()
    assert right.max() == pytest.approx(1)
    assert ct[right == 1].mean() == pytest.approx((-840 + 1100) / 1400, abs=0.02)
    for axis, coordinate in enumerate((z, y, x)):
        assert np.all(np.diff(coordinate, axis=axis) > 0)
        assert coordinate.min() == -coordinate.max() == pytest.approx(1 / GRID[axis] - 1)


def test_lobe_truth_and_the_way_back_agree(phantom: ChestPhantom) -> None:
    case = lobe_case(phantom.volume.hu, phantom.lungs)
    truth = lobe_truth(phantom.lungs, case.box)
    z, y, x = (np.rint(along).astype(int) for along in grid_positions(case.box, case.box))
    returned = truth[np.ix_(z, y, x)]
    assert np.mean(returned == phantom.lungs[case.box]) > 0.97


def test_cells_lie_evenly_over_an_axis() -> None:
    assert centres(4, 4) == pytest.approx([0, 1, 2, 3])
    assert centres(8, 4) == pytest.approx([0.5, 2.5, 4.5, 6.5])
    assert centres(2, 4) == pytest.approx([0, 0.25, 0.75, 1])
