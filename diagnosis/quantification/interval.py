"""How far the infected percent may be off: a calibrated interval, or an honest spread."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from diagnosis.geometry import RefusedInput
from diagnosis.results import Quantification

HONEST_COVERAGE = (0.85, 0.95)
"""A nominal 90 % interval must have covered this part of the truths of unseen scanners to be called one."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What phantoms of unseen scanners taught about the error of the infected percent.

    ``version`` is that of the lesion network it was measured with, ``nominal`` the coverage aimed at
    (0.9), ``multiplier`` the conformal quantile of |truth - percent| / half-width, ``floor_percent`` the
    least half-width (percentage points), ``measured_coverage`` the part of ``n`` other cases covered.
    """

    version: str
    nominal: float
    multiplier: float
    floor_percent: float
    measured_coverage: float
    n: int

    def holds_for(self, version: str) -> bool:
        """Say whether intervals of the lesion network ``version`` may be called calibrated."""
        low, high = HONEST_COVERAGE
        return self.version == version and low <= self.measured_coverage <= high


def load_calibration(path: Path) -> Calibration:
    """Read a calibration record from JSON.

    Raises RefusedInput (code ``bad_calibration``) when the file is no such record.
    """
    try:
        record = json.loads(path.read_text("utf-8"))
        made = Calibration(**{field.name: record[field.name] for field in fields(Calibration)})
        numbers = (made.nominal, made.multiplier, made.floor_percent, made.measured_coverage, made.n)
        sound = isinstance(made.version, str) and all(math.isfinite(n) and n > 0 for n in numbers)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _bad(path) from error
    if not sound:
        raise _bad(path)
    return made


def spread_of(percent_at: Mapping[float, float]) -> Range | None:
    """Return the lowest and highest infected percent of several readings of one case.

    ``percent_at`` maps the infection threshold of a reading to its infected percent. None for fewer than
    two readings: one reading has no spread.
    """
    if len(percent_at) < 2:
        return None
    return min(percent_at.values()), max(percent_at.values())


def half_width(spread: Range, floor_percent: float) -> float:
    """Return the scale of the expected error: half the spread, at least the floor (percentage points).

    The calibration divides by it, so that wide spreads get wide intervals.
    """
    return max((spread[1] - spread[0]) / 2, floor_percent)


def calibrated_interval(infected_percent: float, spread: Range, calibration: Calibration) -> Range:
    """Return infected_percent -+ multiplier * half-width, within 0 to 100 %."""
    reach = calibration.multiplier * half_width(spread, calibration.floor_percent)
    return max(0.0, infected_percent - reach), min(100.0, infected_percent + reach)


def with_uncertainty(
    measured: Quantification, spread: Range | None, calibration: Calibration | None, version: str
) -> Quantification:
    """Return the quantification with its interval when the calibration holds for the lesion network
    ``version``, otherwise with the bare spread, otherwise as it is."""
    if spread is None:
        return measured
    if calibration is not None and calibration.holds_for(version):
        interval = calibrated_interval(measured.infected_percent, spread, calibration)
        return replace(measured, interval_percent=interval)
    low, high = spread
    percent = measured.infected_percent
    return replace(measured, spread=(min(low, percent), max(high, percent)))


def _bad(path: Path) -> RefusedInput:
    return RefusedInput("bad_calibration", f"{path.name} is no calibration of an interval. Measure it again.")
