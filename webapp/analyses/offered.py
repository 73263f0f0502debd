"""The systems as the site tells people of them: what they are, whether they can run, how well they did."""

from __future__ import annotations

from typing import Any

from diagnosis.systems.availability import Availability, availability
from diagnosis.systems.catalogue import catalogue
from diagnosis.systems.interface import SystemSpec
from webapp.analyses.map_words import words_of


def told_systems() -> list[dict[str, Any]]:
    """Return every system in the order in which they run. What is not known has no key."""
    found = availability()
    return [_told(spec, found[name]) for name, spec in catalogue().items()]


def title_of(system: str) -> str:
    """Return the name of a system for people; its bare name when it is none of today's."""
    spec = catalogue().get(system)
    return spec.title if spec else system


def _told(spec: SystemSpec, found: Availability) -> dict[str, Any]:
    told = {
        "name": spec.name,
        "title": spec.title,
        "paper": spec.paper,
        "reads": spec.reads or None,
        "state": found.state,
        "reason": found.reason,
        "default": found.state == "ready",
        "version": found.version,
        "auc": found.auc,
        "auc_interval": list(found.auc_interval) if found.auc_interval else None,
        "probabilities": list(spec.probabilities),
        "measures": spec.measures,
        "evidence": spec.evidence,
        "heatmaps": [_map(class_name, kind) for class_name, kind in spec.heatmaps],
        "options": [
            {
                "name": option.name,
                "choices": list(option.choices),
                "default": option.default,
                "help": option.help,
            }
            for option in spec.options
        ],
    }
    return {key: value for key, value in told.items() if value is not None}


def _map(class_name: str, kind: str) -> dict[str, str]:
    words = words_of(kind)
    return {"class": class_name, "kind": kind, "name": words.name, "about": words.about}
