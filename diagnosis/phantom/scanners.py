"""The scanners that image phantoms: named profiles of five invented families, and scanners drawn at random.

Everything that differs between hospitals but says nothing of the patient: reconstruction kernel, noise, slice
thickness, field of view, calibration, table, padding, how values are stored. A scanner is always drawn
independently of the class of the patient. Networks train on TRAINING_SCANNERS and drawn ones, operating
points and intervals are set on CALIBRATION_SCANNERS, and UNSEEN_SCANNERS are for evaluation only: each of
them has kernels, noise, thickness or padding that no training scanner and no drawn one has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Literal

import numpy as np

from diagnosis.geometry import RefusedInput
from diagnosis.phantom.randomness import Randomness

MANUFACTURER = "Lungsight Phantom"
DRAWN = "drawn-"
"""Names of drawn scanners go on with the number they are drawn from."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A reconstruction kernel. Its MTF is a Gaussian, raised at high frequencies when it enhances edges."""

    name: str
    sigma_mm: float
    """Of the point spread in plane, 0.25 (sharp) to 0.9 (smooth)."""
    edge_boost: float = 0.0
    """What is added of the difference to an image blurred twice as much; above 0.5 edges overshoot."""
    ramp: float = 0.85
    """How much of the low frequencies the ramp filter takes from the noise: 0.9 fine, 0.4 blotchy as after
    iterative reconstruction."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How HU are stored: HU = slope * stored + intercept (PS3.3 C.11.1.1.2)."""

    slope: float = 1.0
    intercept: float = -1024.0
    bits: int = 12
    signed: bool = False

    @property
    def stored_range(self) -> tuple[int, int]:
        """Lowest and highest stored value whose HU fit 16 bits."""
        low, high = (
            (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)
        )
        fewest, most = ((end - self.intercept) / self.slope for end in (-32768, 32767))
        return max(low, ceil(fewest)), min(high, floor(most))


@dataclass(frozen=True, slots=True)
class Table:
    """The patient table seen from its end: two carbon shells around a foam core."""

    shape: Literal["curved", "flat"] = "curved"
    half_width_mm: float = 215.0
    thickness_mm: float = 28.0
    gap_mm: float = 6.0
    """Of the mattress between back and table."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """One scanner with one protocol. Lengths in mm, values in HU."""

    name: str
    model: str
    kernel: Kernel
    noise_hu: float
    """Standard deviation in the middle of an average chest."""
    thickness_mm: float
    increment_mm: float
    fov_mm: float
    storage: Storage = Storage()
    table: Table = Table()
    padding_hu: int | None = None
    """Outside the circle of reconstruction; None where the whole square is reconstructed."""
    offset_hu: float = 0.0
    gain: float = 1.0
    """Of the calibration, about water: measured = gain * true + offset."""
    slice_correlation: float = 0.48
    """Of the noise of neighbouring slices, at most 0.5."""
    cupping_hu: float = 3.0
    """How much too dark the middle of the body is by beam hardening."""
    streak_hu: float = 12.0
    """Standard deviation of the streaks at the level of the shoulders."""
    motion_mm: float = 0.0
    """How far heart and diaphragm move while their slices are measured."""
    tilt_degrees: float = 0.0
    """Of the gantry about the x axis; stays in the affine."""
    kilovolts: int = 120
    milliampere_seconds: int = 120


def spacing_for(
    scanner: Scanner, shape: tuple[int, int, int], chest_height_mm: float
) -> tuple[float, float, float]:
    """Return the spacing z, y, x in mm of a grid of this shape: square pixels, ``fov_mm`` along a row, and
    slices spread over the height of the chest. Slices thinner than that leave gaps, thicker ones overlap.
    """
    pixel = scanner.fov_mm / shape[2]
    return chest_height_mm / shape[0], pixel, pixel


def slices_for(scanner: Scanner, chest_height_mm: float) -> int:
    """Return how many slices of the scanner's own increment cover the chest."""
    return int(np.ceil(chest_height_mm / scanner.increment_mm))


_SOFT, _STANDARD = Kernel("SOFT", 0.75, ramp=0.8), Kernel("STANDARD", 0.55)
_LUNG = Kernel("LUNG", 0.38, edge_boost=0.7, ramp=0.92)

# fmt: off
_ASTER = Scanner(
    "aster-standard", "Aster 64", _STANDARD, noise_hu=14.0, thickness_mm=1.25, increment_mm=1.25,
    fov_mm=360.0, storage=Storage(bits=16, signed=True), padding_hu=-2000,
    table=Table("curved", 210.0, 26.0, 5.0), offset_hu=-2.0, streak_hu=14.0,
)
_BOREALIS = Scanner(
    "borealis-standard", "Borealis 40", Kernel("S31", 0.6), noise_hu=11.0, thickness_mm=5.0, increment_mm=5.0,
    fov_mm=380.0, table=Table("curved", 200.0, 40.0, 9.0), offset_hu=4.0, cupping_hu=5.0, kilovolts=130,
    milliampere_seconds=90,
)
_CIRRUS = Scanner(
    "cirrus-thick", "Cirrus 16", Kernel("BODY", 0.85, ramp=0.75), noise_hu=8.0, thickness_mm=7.0,
    increment_mm=7.0, fov_mm=410.0, padding_hu=-1024, table=Table("flat", 220.0, 34.0, 14.0), offset_hu=-9.0,
    gain=0.985, cupping_hu=8.0, streak_hu=20.0, milliampere_seconds=150,
)
_DELTA = Scanner(
    "delta-standard", "Delta 80", Kernel("D08", 0.5, edge_boost=0.15, ramp=0.6), noise_hu=18.0,
    thickness_mm=2.0, increment_mm=1.0, fov_mm=340.0, storage=Storage(1.0, 0.0, 16, True), padding_hu=-2048,
    table=Table("flat", 235.0, 22.0, 3.0), offset_hu=7.0, gain=1.01, milliampere_seconds=70,
)
_EMBER = Scanner(
    "ember-standard", "Ember 32", Kernel("B20", 0.65, ramp=0.7), noise_hu=16.0, thickness_mm=3.0,
    increment_mm=2.5, fov_mm=350.0, storage=Storage(slope=2.0), table=Table("curved", 225.0, 30.0, 0.0),
    offset_hu=12.0, gain=0.99, cupping_hu=6.0, kilovolts=100,
)
_FROST = Scanner(
    "frost-standard", "Frost 128", Kernel("IR-S", 0.45, edge_boost=0.3, ramp=0.3), noise_hu=13.0,
    thickness_mm=4.0, increment_mm=3.2, fov_mm=345.0, storage=Storage(1.25, -1100.0, 13),
    table=Table("flat", 190.0, 48.0, 20.0), offset_hu=-18.0, gain=1.03, cupping_hu=9.0, motion_mm=7.0,
    kilovolts=140,
)

_TRAINING = (
    _ASTER,
    replace(_ASTER, name="aster-lung", kernel=_LUNG, noise_hu=34.0, fov_mm=330.0),
    _BOREALIS,
    replace(
        _BOREALIS, name="borealis-lung", kernel=Kernel("S70", 0.33, edge_boost=0.9, ramp=0.93), noise_hu=42.0,
        thickness_mm=1.0, increment_mm=0.7, fov_mm=320.0,
    ),
    _CIRRUS,
    _DELTA,
    replace(
        _DELTA, name="delta-moving", kernel=Kernel("D13", 0.6, ramp=0.6), noise_hu=20.0, thickness_mm=3.0,
        increment_mm=3.0, motion_mm=9.0, tilt_degrees=-1.5,
    ),
)
_CALIBRATION = (
    _EMBER,
    replace(_ASTER, name="aster-low-dose", kernel=_SOFT, noise_hu=38.0, fov_mm=300.0, milliampere_seconds=20),
    replace(
        _CIRRUS, name="cirrus-lung", kernel=Kernel("EDGE", 0.36, edge_boost=0.6, ramp=0.9), noise_hu=30.0,
        thickness_mm=2.0, increment_mm=2.0, fov_mm=370.0, motion_mm=6.0,
    ),
)
_UNSEEN = (
    replace(
        _EMBER, name="ember-sharp", kernel=Kernel("B90", 0.28, edge_boost=1.3, ramp=0.95), noise_hu=58.0,
        thickness_mm=1.5, increment_mm=1.5, fov_mm=290.0, storage=Storage(1.0, -8192.0, 16),
        padding_hu=-3024, streak_hu=30.0,
    ),
    replace(
        _EMBER, name="ember-thick", kernel=Kernel("B10", 0.95, ramp=0.35), noise_hu=7.0, thickness_mm=6.5,
        increment_mm=5.5, fov_mm=400.0, offset_hu=-15.0, gain=1.025, motion_mm=13.0,
    ),
    _FROST,
    replace(
        _FROST, name="frost-low-dose", kernel=Kernel("IR-M", 0.7, edge_boost=0.35, ramp=0.2), noise_hu=26.0,
        thickness_mm=0.9, increment_mm=0.7, fov_mm=262.0, storage=Storage(0.5, -8192.0, 16),
        padding_hu=-3024, offset_hu=16.0, gain=0.975, slice_correlation=0.3, cupping_hu=11.0, streak_hu=35.0,
        motion_mm=0.0, tilt_degrees=2.0, kilovolts=80, milliampere_seconds=15,
    ),
)
# fmt: on

TRAINING_SCANNERS = tuple(scanner.name for scanner in _TRAINING)
CALIBRATION_SCANNERS = tuple(scanner.name for scanner in _CALIBRATION)
UNSEEN_SCANNERS = tuple(scanner.name for scanner in _UNSEEN)
SCANNERS: Mapping[str, Scanner] = {scanner.name: scanner for scanner in (*_TRAINING, *_CALIBRATION, *_UNSEEN)}


def scanner_named(name: str) -> Scanner:
    """Return a named profile, or the drawn scanner of a name like ``drawn-17``. Raises RefusedInput."""
    number = name.removeprefix(DRAWN)
    if name.startswith(DRAWN) and number.isascii() and number.isdigit() and len(number) <= 18:
        return _drawn(int(number))
    if name not in SCANNERS:
        raise RefusedInput(
            "unknown_scanner",
            f"There is no scanner {name}. Choose one of {', '.join(SCANNERS)}, or {DRAWN}N with a number N.",
        )
    return SCANNERS[name]


def draw_scanner(randomness: Randomness) -> Scanner:
    """Return a scanner of no profile, every parameter drawn; scanner_named finds it again by its name."""
    return _drawn(int(randomness.numpy.integers(2**31)))


def _drawn(number: int) -> Scanner:
    """Draw every parameter. Ranges stop short of what makes the unseen scanners unseen."""
    draw = Randomness(number, "scanner")
    sigma = draw.uniform(0.32, 0.9)
    sharp = draw.chance(0.35) and sigma < 0.55
    thickness = float(np.exp(draw.uniform(np.log(0.7), np.log(7.0))))
    noise = float(np.exp(draw.uniform(np.log(8.0), np.log(28.0)))) * (1.7 if sharp else 1.0)
    boost = draw.uniform(0.3, 0.95) if sharp else 0.0
    kernel = Kernel("SHARP" if sharp else "SMOOTH", sigma, boost, draw.uniform(0.5, 0.94))
    return Scanner(
        name=f"{DRAWN}{number}",
        model="Drawn",
        kernel=kernel,
        noise_hu=noise,
        thickness_mm=thickness,
        increment_mm=thickness * draw.uniform(0.5, 1.0),
        fov_mm=draw.uniform(290.0, 410.0) if draw.chance(0.85) else draw.uniform(262.0, 300.0),
        storage=_drawn_storage(draw),
        table=_drawn_table(draw),
        padding_hu=(None, -1024, -2000, -2048)[int(draw.numpy.integers(4))],
        offset_hu=_mostly_small(draw, 22.0),
        gain=1.0 + _mostly_small(draw, 0.04),
        slice_correlation=draw.uniform(0.36, 0.49),
        cupping_hu=draw.uniform(0.0, 9.0),
        streak_hu=draw.uniform(0.0, 25.0),
        motion_mm=draw.uniform(3.0, 12.0) if draw.chance(0.3) else 0.0,
        tilt_degrees=draw.uniform(-2.0, 2.0) if draw.chance(0.15) else 0.0,
    )


def _drawn_table(draw: Randomness) -> Table:
    shape: Literal["curved", "flat"] = "curved" if draw.chance(0.6) else "flat"
    width, thickness = draw.uniform(195.0, 240.0), draw.uniform(18.0, 42.0)
    return Table(shape, width, thickness, gap_mm=draw.uniform(0.0, 18.0))


def _drawn_storage(draw: Randomness) -> Storage:
    """Sixteen signed bits, so that every padding can be stored."""
    return Storage(intercept=-1024.0 if draw.chance(0.6) else 0.0, bits=16, signed=True)


def _mostly_small(draw: Randomness, most: float) -> float:
    """Within +-most, half of it within a fifth of that: calibration is usually good."""
    return float(most * np.sign(part := draw.uniform(-1.0, 1.0)) * abs(part) ** 2.3)
