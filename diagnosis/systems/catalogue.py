"""The systems that exist. Imports specs only, so the site can read it without the science packages."""

from __future__ import annotations

from diagnosis.systems.decovnet import spec as decovnet
from diagnosis.systems.density import spec as density
from diagnosis.systems.icovid import spec as icovid
from diagnosis.systems.interface import SystemSpec
from diagnosis.systems.multiscale import spec as multiscale
from diagnosis.systems.patchwise import spec as patchwise

_SPECS = (density.SPEC, decovnet.SPEC, multiscale.SPEC, icovid.SPEC, patchwise.SPEC)


def catalogue() -> dict[str, SystemSpec]:
    """Return every system by name, in the order in which they run."""
    return {spec.name: spec for spec in _SPECS}
