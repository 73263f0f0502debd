"""One patient's build: every size of the chest, drawn once and the same for every scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from diagnosis.phantom.randomness import Randomness

Sex = Literal["F", "M"]


@dataclass(frozen=True, slots=True)
class Patient:
    """Sizes in mm, densities in HU. Right and left are the patient's, given as (right, left)."""

    sex: Sex
    age: int
    half_width: float
    """Of the inner chest at its widest, right to left."""
    half_depth: float
    """Of the inner chest at its deepest, front to back."""
    apex_z: float
    """Of the lungs' tops, above the carina."""
    base_z: float
    """Of the deepest costophrenic recess."""
    dome_z: tuple[float, float]
    """Tops of the diaphragm."""
    fat: float
    """Under the skin at the side of the chest."""
    muscle: float
    breast: float
    """Radius, 0 for none."""
    heart_scale: float
    heart_z: float
    aorta: float
    """Radius of the descending aorta."""
    spine_bend: float
    """Sideways, of a scoliosis."""
    mediastinal_fat: float
    """Thickness of the fat before the heart and around the vessels."""
    lung_hu: float
    gravity_hu: float
    """How much denser the lung is at the back than at the front."""
    texture_hu: float
    contrast_hu: float
    """Blood with contrast medium, or 0 for none."""
    fissure_shift: tuple[float, float]
    """Of the oblique fissures, upwards."""
    minor_z: float
    vessel_calibre: float
    calcium: bool
    """Calcified coronary arteries and aorta."""
    arms_down: bool
    metal: bool
    """A pacemaker under the skin of the left chest."""


def draw_patient(randomness: Randomness) -> Patient:
    """Draw a build. Ranges are wider than a normal population: networks must not lean on size."""
    female = randomness.chance(0.5)
    scale = randomness.numpy.normal(0.96 if female else 1.04, 0.07)
    scale = min(max(float(scale), 0.78), 1.25)
    half_depth = scale * randomness.uniform(78.0, 108.0)
    apex = scale * randomness.uniform(86.0, 108.0)
    dome = -scale * randomness.uniform(72.0, 128.0)
    dome_gap = randomness.uniform(-2.0, 22.0)
    bulk = randomness.uniform(0.0, 1.0) ** 1.6
    return Patient(
        sex="F" if female else "M",
        age=int(randomness.numpy.integers(21, 89)),
        half_width=scale * randomness.uniform(118.0, 146.0),
        half_depth=half_depth,
        apex_z=apex,
        base_z=dome - scale * randomness.uniform(55.0, 85.0),
        dome_z=(dome, dome - dome_gap),
        fat=5.0 + 34.0 * bulk,
        muscle=randomness.uniform(7.0, 17.0),
        breast=scale * randomness.uniform(38.0, 66.0) if female else 0.0,
        heart_scale=scale * randomness.uniform(0.84, 1.22),
        heart_z=dome + scale * randomness.uniform(6.0, 24.0),
        aorta=randomness.uniform(10.0, 15.5),
        spine_bend=float(randomness.numpy.normal(0.0, 4.0)),
        mediastinal_fat=2.0 + 9.0 * bulk * randomness.uniform(0.5, 1.2),
        lung_hu=randomness.uniform(-912.0, -830.0),
        gravity_hu=randomness.uniform(25.0, 150.0),
        texture_hu=randomness.uniform(0.6, 1.5),
        contrast_hu=randomness.uniform(110.0, 330.0) if randomness.chance(0.22) else 0.0,
        fissure_shift=(randomness.uniform(-12.0, 12.0), randomness.uniform(-12.0, 12.0)),
        minor_z=scale * randomness.uniform(-44.0, -22.0),
        vessel_calibre=randomness.uniform(0.85, 1.2),
        calcium=randomness.chance(0.3),
        arms_down=randomness.chance(0.12),
        metal=randomness.chance(0.04),
    )
