"""The CT severity score: how much of each lobe is infected, 0 to 5."""

from __future__ import annotations

from collections.abc import Mapping

from diagnosis.results import LOBES, LungShare

HIGHEST_TOTAL = 5 * len(LOBES)


def severity_score(infected_percent: float) -> int:
    """Return the score of one lobe (Pan et al., Radiology 2020; 295: 715-721).

    Printed: 0 none, 1 below 5 %, 2 5 to 25 %, 3 26 to 49 %, 4 50 to 75 %, 5 above 75 %. The printed gaps,
    25 to 26 % and 49 to 50 %, belong to 3: every printed whole number keeps its printed score.
    """
    if infected_percent <= 0:
        return 0
    if infected_percent < 5:
        return 1
    if infected_percent <= 25:
        return 2
    if infected_percent < 50:
        return 3
    return 4 if infected_percent <= 75 else 5


def severity_scores(lobes: Mapping[str, LungShare]) -> dict[str, int]:
    """Return the score of every lobe that is there: a lobe of 0 ml has none."""
    return {name: severity_score(lobe.infected_percent) for name, lobe in lobes.items() if lobe.volume_ml > 0}


def severity_total(scores: Mapping[str, int]) -> int | None:
    """Return the sum out of 25; None when one of the five lobes has no score."""
    return sum(scores.values()) if set(scores) == set(LOBES.values()) else None
