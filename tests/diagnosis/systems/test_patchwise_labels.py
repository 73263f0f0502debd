"""Labels of patches and the losses of the patch networks, by the numbers of the paper."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from diagnosis.systems.patchwise.losses import concordance_loss, lung_loss, patch_loss, pointer_loss
from diagnosis.systems.patchwise.patch_labels import (
    COARSE_DENSITY,
    FINE_DENSITY,
    PatchLabels,
    Teaching,
    covered,
    lungs_by_voxels,
    patch_labels,
    shares_of,
)
from diagnosis.systems.patchwise.patches import COARSE, FINE, Patches
from diagnosis.systems.study_outlines import UNKNOWN

SIDE = 64


def taught(
    *, diseased: int = 1, judged: bool = False, truth: Tensor | None = None, suspicious: Tensor | None = None
) -> Teaching:
    blank = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    return Teaching(
        mask=torch.ones_like(blank),
        truth=torch.full_like(blank, UNKNOWN) if truth is None else truth,
        suspicious=blank if suspicious is None else suspicious,
        look=blank,
        diseased=torch.tensor([diseased]),
        judged=torch.tensor([int(judged)]),
    )


def block(value: int, y: slice, x: slice, rest: int = 0) -> Tensor:
    plane = torch.full((1, SIDE, SIDE), rest, dtype=torch.uint8)
    plane[:, y, x] = value
    return plane


def brute(plane: Tensor, size: int, stride: int, before: int, density: float) -> Tensor:
    cells = SIDE // stride
    found = torch.zeros(1, cells, cells)
    for row in range(cells):
        for column in range(cells):
            top, left = max(0, stride * row - before), max(0, stride * column - before)
            part = plane[
                0, top : stride * row - before + size, left : stride * column - before + size
            ].float()
            found[0, row, column] = float(part.mean() > density)
    return found


def test_a_coarse_patch_is_infected_from_a_third_a_fine_one_from_three_quarters() -> None:
    suspicious = block(1, slice(10, 41), slice(22, 51))
    for patches, density in ((COARSE, COARSE_DENSITY), (FINE, FINE_DENSITY)):
        labels = patch_labels(taught(suspicious=suspicious), patches, density)
        expected = brute(suspicious, patches.size, patches.stride, patches.before, density)
        assert torch.equal(labels.infected, expected)
        assert 0 < float(labels.infected.sum()) < labels.infected.numel()
        assert labels.counted.all()
        assert labels.semi.all()


def test_healthy_scans_hold_no_infected_patch_and_scans_without_a_class_teach_none() -> None:
    suspicious = block(1, slice(0, 64), slice(0, 64))
    healthy = patch_labels(taught(diseased=0, suspicious=suspicious), COARSE, COARSE_DENSITY)
    unknown = patch_labels(taught(diseased=-1, suspicious=suspicious), COARSE, COARSE_DENSITY)

    assert not healthy.infected.any()
    assert healthy.counted.all()
    assert not healthy.semi.any()
    assert not unknown.counted.any()


def test_voxels_that_were_judged_replace_suspicion_and_the_rest_of_that_study_is_left_out() -> None:
    truth = block(2, slice(0, 30), slice(0, 64), rest=UNKNOWN)
    truth[:, 50:] = 0
    labels = patch_labels(
        taught(judged=True, truth=truth, suspicious=block(1, slice(0, 64), slice(0, 64))), FINE, FINE_DENSITY
    )

    assert labels.infected[0, :14].all()
    assert labels.counted[0, :14].all()
    assert not labels.counted[0, 17:23].any()
    assert not labels.infected[0, 26:].any()
    assert labels.counted[0, 26:].all()
    assert not labels.semi.any()


def test_lungs_bear_their_own_label_where_voxels_are_known() -> None:
    several = [
        taught(judged=True, truth=block(3, slice(0, 3), slice(0, 3))),
        taught(judged=True, truth=block(11, slice(0, 9), slice(0, 9))),
        taught(judged=True, truth=block(3, slice(0, 1), slice(0, 2))),
        taught(),
    ]
    whole = Teaching(*(torch.cat(parts) for parts in zip(*several, strict=True)))

    assert lungs_by_voxels(whole).tolist() == [1, 0, -1, -1]


def test_shares_are_of_the_known_part() -> None:
    truth = block(3, slice(0, 4), slice(0, 8))
    truth[:, 4:6, 0:8] = UNKNOWN
    shares, known = shares_of(truth, (1, 3), Patches(8, 8, 0))

    assert float(shares[0, 1, 0, 0]) == pytest.approx(32 / 48)
    assert float(shares[0, 0].sum()) == 0
    assert bool(known.all())


def test_a_fine_patch_is_covered_where_any_coarse_patch_over_its_middle_is_infected() -> None:
    coarse = torch.zeros(1, 32, 32, dtype=torch.bool)
    coarse[0, 3, 4] = True
    found = covered(coarse, FINE)

    # the coarse patch covers pixels 10..45 by 18..53; the middle of fine patch p is pixel 2 p + 1
    rows = torch.nonzero(found[0].any(dim=1)).flatten()
    columns = torch.nonzero(found[0].any(dim=0)).flatten()
    assert (int(rows[0]), int(rows[-1])) == (5, 22)
    assert (int(columns[0]), int(columns[-1])) == (9, 26)
    assert found.shape == (1, 128, 128)


def test_the_likeliest_third_of_the_lungs_bears_the_label() -> None:
    logits = torch.zeros(1, 10, 2)
    logits[0, :, 1] = torch.arange(10).float()
    certain = logits.log_softmax(dim=2)[0]

    ill = lung_loss(logits, torch.tensor([1]))
    well = lung_loss(logits, torch.tensor([0]))

    assert float(ill) == pytest.approx(float(-certain[7:, 1].mean()))
    assert float(well) == pytest.approx(float(-certain[7:, 0].mean()))
    assert float(lung_loss(logits, torch.tensor([-1]))) == 0
    own = torch.full((1, 10), -1)
    own[0, 0], own[0, 9] = 1, 0
    mixed = torch.stack([certain[0, 1], certain[9, 0], *certain[6:9, 1]])
    assert float(lung_loss(logits, torch.tensor([1]), own)) == pytest.approx(float(-mixed.mean()))


def test_discordant_semi_labels_weigh_a_tenth_and_infected_patches_as_much_as_the_rest() -> None:
    logits = torch.zeros(1, 2, 2, 5)
    logits[0, 1, 0] = torch.tensor([4.0, 2.0, 1.0, 3.0, -5.0])
    infected = torch.zeros(1, 2, 5)
    infected[0, 0] = 1
    labels = PatchLabels(infected, torch.ones(1, 2, 5).bool(), infected.bool())
    surprise = torch.nn.functional.cross_entropy(logits, infected.long(), reduction="none")[0]
    weights = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.1])
    balance = 5 / float(weights.sum())

    expected = (float((surprise[0] * weights).sum()) * balance + float(surprise[1].sum())) / 10
    assert float(patch_loss(logits, labels)) == pytest.approx(expected)
    one = float((surprise[0] * weights).sum() + surprise[1].sum()) / (5 + float(weights.sum()))
    assert float(patch_loss(logits, labels, heaviest=1.0)) == pytest.approx(one)


def test_lung_and_worst_patch_should_agree_where_it_counts() -> None:
    coarse = torch.zeros(2, 2, 4, 4)
    coarse[:, 1, 2, 2] = 100.0
    logits = torch.tensor([[0.0, 0.0], [0.0, 100.0]])

    assert float(concordance_loss(logits, coarse, torch.tensor([1.0, 1.0]))) == pytest.approx(0.125)
    assert float(concordance_loss(logits, coarse, torch.tensor([0.0, 1.0]))) == pytest.approx(0.0)


def test_a_pointer_asks_for_one_infected_patch_in_all_lungs_of_its_scan() -> None:
    coarse = torch.zeros(1, 2, 2, 8, 8)
    coarse[0, 1, 1, 6, 6] = 50.0
    look = torch.zeros(1, 2, SIDE, SIDE, dtype=torch.uint8)
    assert float(pointer_loss(coarse, look)) == 0
    look[0, 0, 0:9, 0:9] = 1
    look[0, 1, 48:50, 50:51] = 1
    assert float(pointer_loss(coarse, look)) == pytest.approx(0.0, abs=1e-6)
    look[0, 0, 20:30, 20:30] = 2
    assert float(pointer_loss(coarse, look)) == pytest.approx(float(torch.tensor(2.0).log()) / 2)
