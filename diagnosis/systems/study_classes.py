"""The classes of labelled studies, as classifiers are taught them."""

from __future__ import annotations

from collections.abc import Sequence

from diagnosis.evaluation.predictions import COVID
from diagnosis.geometry import RefusedInput
from diagnosis.training.labelled import LabelledVolume


def is_covid(volume: LabelledVolume) -> bool:
    """Say whether the study's class is COVID-19."""
    return volume.class_name == COVID


def sides(volumes: Sequence[LabelledVolume], part: str) -> tuple[list[LabelledVolume], list[LabelledVolume]]:
    """Return the studies that are not COVID-19, and those that are; without class they are left out.

    Raises RefusedInput (code nothing_to_learn) when a side is empty.
    """
    known = [volume for volume in volumes if volume.class_name is not None]
    positive = [volume for volume in known if is_covid(volume)]
    negative = [volume for volume in known if not is_covid(volume)]
    if positive and negative:
        return negative, positive
    raise RefusedInput(
        "nothing_to_learn",
        f"The {part} part of this label folder has {len(positive)} studies with COVID-19 and {len(negative)} "
        "without: a classifier needs both. Sign readings with a diagnosis and export again.",
    )
