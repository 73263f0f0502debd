"""Which side of the split a patient stands on, for life."""

from __future__ import annotations

import hashlib
from uuid import UUID

from diagnosis.labels import Split

SALT = "lungsight split 1"
TRAIN, VALIDATION = 0.70, 0.15
"""Shares of the patients; the rest is the test set."""


def split_of(patient: UUID) -> Split:
    """Return the side of a patient: a function of the id alone, the same in every export and every cohort."""
    digest = hashlib.sha256(f"{SALT} {patient}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < TRAIN:
        return "train"
    return "validation" if place < TRAIN + VALIDATION else "test"
