"""icovid and its variants, as ``describe`` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from diagnosis.describing import Subject
from diagnosis.systems.icovid.cvae import CVAE
from diagnosis.systems.icovid.network import SPP_COUNT, ICovid
from diagnosis.systems.icovid.preprocessing import PAPER_SIZE

_SIDE = PAPER_SIZE.side
_SLICES = 10
"""They give the published 3.55 G operations; the paper does not say how many it counted."""


class _Reconstruction(nn.Module):
    """The autoencoder, told that every slice is of COVID-19: its operations do not depend on it."""

    def __init__(self) -> None:
        super().__init__()
        self.cvae = CVAE()

    def forward(self, image: Tensor) -> Tensor:
        """Return the slices as one draw gives them."""
        positive = torch.ones(len(image), dtype=torch.long, device=image.device)
        return torch.as_tensor(self.cvae(image, positive)[0])


ICOVID: Mapping[str, Subject] = {
    "text": Subject(
        ICovid, (_SLICES, 2, _SIDE, _SIDE), "Classifier of Berenguer et al., 2020, pyramid as in the text"
    ),
    "count": Subject(
        partial(ICovid, spp=SPP_COUNT), (_SLICES, 2, _SIDE, _SIDE),
        "The classifier with the pyramid that has the published number of parameters",
    ),
    "types": Subject(
        partial(ICovid, "types"), (_SLICES, 5, _SIDE, _SIDE), "The classifier with a mask per lesion type"
    ),
    "one-branch": Subject(
        partial(ICovid, "none"), (_SLICES, 1, _SIDE, _SIDE), "The ablation without side information"
    ),
    "cvae": Subject(
        _Reconstruction, (_SLICES, 2, _SIDE, _SIDE), "The autoencoder of the classifier's first weights"
    ),
}  # fmt: skip
