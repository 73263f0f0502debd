"""The generalised Wasserstein Dice loss and its distances between lesion types."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diagnosis.lesions.losses import lesion_distances, wasserstein_dice


def test_distances_are_symmetric_and_as_documented() -> None:
    distances = lesion_distances()
    assert np.array_equal(distances, distances.T)
    assert not np.diag(distances).any()
    assert set(distances[0, 1:]) == {1.0}
    assert distances[1, 2] == distances[1, 3] == distances[2, 3] == 0.5
    assert distances[4, 1] == distances[4, 2] == distances[4, 3] == 0.25


def test_a_matrix_of_0_and_1_gives_the_dice_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, 4, 5, 6, generator=generator)
    truth = torch.randint(0, 2, (3, 4, 5, 6), generator=generator)
    loss = wasserstein_dice(np.array([[0, 1], [1, 0]], dtype=np.float32))(logits, truth)
    lesion = torch.softmax(logits, 1)[:, 1].flatten(1)
    flat = truth.flatten(1)
    dice = 2 * (lesion * flat).sum(1) / (lesion.sum(1) + flat.sum(1))
    assert float(loss) == pytest.approx(float((1 - dice).mean()), abs=1e-5)


def test_the_wrong_type_costs_less_than_a_missed_lesion() -> None:
    truth = torch.ones(1, 4, 4, 4, dtype=torch.long)
    losses = {}
    for name, predicted in (("right", 1), ("combined", 4), ("wrong type", 3), ("missed", 0)):
        logits = torch.full((1, 5, 4, 4, 4), -20.0)
        logits[:, predicted] = 20.0
        losses[name] = float(wasserstein_dice()(logits, truth))
    assert losses["right"] == pytest.approx(0, abs=1e-4)
    assert losses["right"] < losses["combined"] < losses["wrong type"] < losses["missed"]
    assert losses["missed"] == pytest.approx(1, abs=1e-3)
