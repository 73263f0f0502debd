"""Where class maps, saliency and boxes of the worst slices lie beside true lesions; not published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from diagnosis.evaluation.bootstrap import bootstrap_mean_interval
from diagnosis.evaluation.intervals import Rate
from diagnosis.evaluation.localisation import hit_rate
from diagnosis.evaluation.operating import Estimate
from diagnosis.evaluation.overlap import overlap_of_masks
from diagnosis.evaluation.predictions import Prediction
from diagnosis.evaluation.report_tables import Table, number, share
from diagnosis.systems.multiscale.aggregation import worst_first
from diagnosis.systems.multiscale.explanation import class_evidence
from diagnosis.systems.multiscale.localisation import gathered
from diagnosis.systems.multiscale.network import stride_of
from diagnosis.systems.multiscale.preprocessing import NetworkInput
from diagnosis.systems.multiscale.reading import Reader, SliceAnswers
from diagnosis.systems.multiscale.spec import CLASS_MAPS, DISEASES, JOINT
from diagnosis.systems.true_lesions import BY_CHANCE, TrueLesions
from diagnosis.volume import BoolArray, FloatArray

WORST = 2
"""Slices of a study whose maps are measured: the saliency of one takes seconds."""
STANDS_OUT, BOXES = "what stands out", "boxes"
_MASKS = (STANDS_OUT, BOXES)


@dataclass(frozen=True, slots=True)
class Placed:
    """Over ``n`` studies: the mean part of a map that lies in true lesions, how often its strongest pixel
    does, and the mean Dice coefficient with them. None where it is not asked for."""

    n: int
    part: Estimate
    hits: Rate | None = None
    dice: Estimate | None = None


def placement_findings(kinds: Sequence[str]) -> list[str]:
    """Return the names of what `placement` finds, given the kinds of the class maps."""
    maps = [*kinds, JOINT]
    return [
        BY_CHANCE, *(_part(kind) for kind in (*maps, *_MASKS)), *map(_hit, maps), *map(_dice, _MASKS)
    ]  # fmt: skip


def likelier_disease(probabilities: Mapping[str, float]) -> str:
    """Return which of the two diseases a study shows, if it shows one."""
    return max(DISEASES, key=lambda name: probabilities[name])


def placement(
    reader: Reader, shown: NetworkInput, answers: SliceAnswers, class_name: str, truth: TrueLesions
) -> dict[str, float]:
    """Return where the maps of a class lie in the WORST slices, inside the lungs; nothing without lesions.

    A map that shows nothing has no part in lesions and misses. ``truth`` is on the grid of ``shown``.
    """
    if not truth.infected.any():
        return {}
    order = worst_first(answers.probabilities)[:WORST].tolist()
    looked_at = np.isin(np.arange(len(truth.infected)), order)
    with closing(reader.saliencies(shown, order, class_name)) as one_by_one:
        saliency = gathered(one_by_one, len(order), shown, looked_at, lambda values, part: None)
    seen = (shown.image[1] > 0) & looked_at[:, None, None]
    maps = {
        CLASS_MAPS[level]: seen
        * _by_pixel(class_evidence(of_level, class_name), stride_of(level), seen.shape)
        for level, of_level in answers.maps.items()
    }
    maps[JOINT] = seen * saliency.values
    masks = {STANDS_OUT: saliency.infected, BOXES: saliency.boxes & seen}
    parts = {kind: truth.part(values) for kind, values in {**maps, **masks}.items()}
    dice = {kind: overlap_of_masks(mask, truth.infected & seen, 1.0).dice for kind, mask in masks.items()}
    return {
        BY_CHANCE: truth.by_chance(looked_at) or 0.0,
        **{_part(kind): part or 0.0 for kind, part in parts.items()},
        **{
            _hit(kind): float(_strongest_is_infected(values, truth.infected)) for kind, values in maps.items()
        },
        **{_dice(kind): value or 0.0 for kind, value in dice.items()},
    }


def placed_by_class(predictions: Sequence[Prediction], kinds: Sequence[str]) -> dict[str, dict[str, Placed]]:
    """Return for each disease how its maps and masks lie in the true lesions of its studies, and chance last.

    Studies count whose true disease is the likelier one, whose maps were measured. A disease without any is
    absent.
    """
    found: dict[str, dict[str, Placed]] = {}
    for name in DISEASES:
        studies = [
            one.findings
            for one in predictions
            if one.class_name == name == likelier_disease(one.probabilities) and BY_CHANCE in one.findings
        ]
        if studies:
            found[name] = {
                **{kind: _placed(studies, _part(kind), hit=_hit(kind)) for kind in (*kinds, JOINT)},
                **{kind: _placed(studies, _part(kind), dice=_dice(kind)) for kind in _MASKS},
                BY_CHANCE: _placed(studies, BY_CHANCE),
            }
    return found


def placement_table(placed: Mapping[str, Mapping[str, Placed]]) -> Table:
    """Return the table of `placed_by_class`."""
    rows = [
        (name, kind, str(one.n), _shown(one.part), share(one.hits), _shown(one.dice))
        for name, by_kind in placed.items()
        for kind, one in by_kind.items()
    ]
    columns = ("class", "map", "studies", "part in true lesions", "strongest pixel in one", "Dice")
    note = (
        f"The {WORST} worst slices of each study with known lesions whose true disease is the likelier one, "
        f"inside the lungs. What knows nothing has {BY_CHANCE} as part, and its strongest pixel is in one as "
        "often. Means with 95 % intervals of 2000 bootstrap samples."
    )
    return Table("Where maps lie", columns, rows, note)


def _by_pixel(cells: FloatArray, stride: int, shape: tuple[int, ...]) -> FloatArray:
    """Cells ``[n, y, x]`` of ``stride`` pixels along y and x, as pixels; 0 beyond the last whole cell."""
    spread = cells.repeat(stride, axis=1).repeat(stride, axis=2)
    missing = [(0, wanted - known) for wanted, known in zip(shape, spread.shape, strict=True)]
    return np.pad(spread, missing)


def _strongest_is_infected(values: FloatArray, infected: BoolArray) -> bool:
    """Whether the strongest pixel is infected: of equal ones (a cell) the middle one. Without any: no."""
    strongest = np.argwhere((values == values.max()) & (values > 0))
    if not len(strongest):
        return False
    middle = np.abs(strongest - strongest.mean(axis=0)).sum(axis=1).argmin()
    return bool(infected[tuple(strongest[middle])])


def _placed(
    studies: Sequence[Mapping[str, float]], part: str, hit: str | None = None, dice: str | None = None
) -> Placed:
    return Placed(
        len(studies),
        _mean([one[part] for one in studies]),
        hit_rate([one[hit] == 1.0 for one in studies]) if hit else None,
        _mean([one[dice] for one in studies]) if dice else None,
    )


def _mean(values: Sequence[float]) -> Estimate:
    return Estimate(float(np.mean(values)), bootstrap_mean_interval(values))


def _shown(found: Estimate | None) -> str:
    return number(None) if found is None else number(found.value, found.interval)


def _part(kind: str) -> str:
    return f"{kind} in lesions"


def _hit(kind: str) -> str:
    return f"{kind} hits a lesion"


def _dice(kind: str) -> str:
    return f"{kind} Dice"
