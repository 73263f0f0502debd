"""What may be asked of the systems: names and options of the catalogue, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diagnosis.segmentation_options import SEGMENTATIONS
from diagnosis.systems.availability import availability
from diagnosis.systems.catalogue import catalogue
from webapp.core.errors import UserError


def checked_systems(systems: Sequence[str]) -> list[str]:
    """Return the systems once each, in the order of the catalogue.

    Raises UserError for an unknown one, and for one that cannot run because its weights are not here.
    """
    known = catalogue()
    unknown = [name for name in systems if name not in known]
    if unknown or not systems:
        asked = f'There is no system "{unknown[0]}".' if unknown else "No system was chosen."
        raise UserError("unknown_system", asked, f"Choose from: {', '.join(known)}.")
    names = [name for name in known if name in systems]
    found = availability()
    if lacking := next((name for name in names if found[name].state == "no weights"), None):
        lack = f"This site has no weights for {known[lacking].title}, so it cannot run."
        able = ", ".join(name for name in known if found[name].state != "no weights")
        raise UserError("no_weights", found[lacking].reason or lack, f"Choose from: {able}.", status=409)
    return names


def checked_options(systems: Sequence[str], options: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return {system: {option: value}} as chosen. Raises UserError for what a system does not offer.

    ``lungs``, ``lobes`` and ``lesions``, which every analysis looks for, have options too.
    """
    known = {name: catalogue()[name].options for name in systems} | dict(SEGMENTATIONS)
    for name, chosen in options.items():
        if name not in known or not isinstance(chosen, Mapping):
            raise UserError("unknown_option", f'Options were given for "{name}", which was not chosen.')
        offered = {option.name: option.choices for option in known[name]}
        for option, value in chosen.items():
            if value not in offered.get(option, ()):
                hint = "; ".join(f"{key}={'|'.join(values)}" for key, values in offered.items())
                words = f"{name} has no option {option}={value}."
                raise UserError("unknown_option", words, f"It offers: {hint or 'none'}.")
    return {name: dict(chosen) for name, chosen in options.items() if chosen}


def default_systems() -> list[str]:
    """Return the systems that run by themselves on a new series: demonstration ones only on request."""
    return [name for name, found in availability().items() if found.state == "ready"]
