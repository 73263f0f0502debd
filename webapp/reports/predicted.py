"""What the classifiers of analyses predict, read from their results by path: whole results are large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models.fields.json import KT

from diagnosis.evaluation.predictions import COVID
from diagnosis.systems.availability import Availability, availability
from diagnosis.systems.catalogue import catalogue
from webapp.analyses.models import Analysis
from webapp.reports.row_parts import present

PROBABILITIES, OPERATING_POINTS = "probabilities", "operating_points"
"""Keys of a system in the document."""
Predictions = dict[str, dict[str, Any]]


def classifiers() -> list[str]:
    """Return the names of the systems that report probabilities, in the order in which they run."""
    return [name for name, spec in catalogue().items() if spec.probabilities]


def predicted(analyses: Iterable[UUID]) -> dict[UUID, Predictions]:
    """Return per analysis and classifier ``version``, ``probabilities`` and ``operating_points``.

    In one query. A classifier that did not run has no key. Whether this may be shown is the caller's to ask.
    """
    names = classifiers()
    paths = [
        path
        for name in names
        for path in (
            f"results__systems__{name}__{PROBABILITIES}",
            f"results__systems__{name}__{OPERATING_POINTS}",
            KT(f"results__systems__{name}__version"),
        )
    ]
    found: dict[UUID, Predictions] = {}
    for pk, *values in Analysis.objects.filter(pk__in=list(analyses)).values_list("pk", *paths):
        told = zip(names, values[::3], values[1::3], values[2::3], strict=True)
        found[pk] = {
            name: {PROBABILITIES: said, OPERATING_POINTS: points or {}, "version": version}
            for name, said, points, version in told
            if said
        }
    return found


def covid_predictions(analyses: Iterable[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Return per analysis what each classifier says of COVID-19, as a row of the worklist tells it.

    ``demonstration``: the weights that said it are the ones this site has, and are for demonstration only.
    """
    known, specs = availability(), catalogue()
    return {
        pk: [
            {
                "system": name,
                "title": specs[name].title,
                "probability": said[PROBABILITIES][COVID],
                "demonstration": _only_demonstrates(known[name], said["version"]),
            }
            | present({"positive": _positive(said)})
            for name, said in predictions.items()
            if COVID in said[PROBABILITIES]
        ]
        for pk, predictions in predicted(analyses).items()
    }


def _positive(said: Mapping[str, Any]) -> bool | None:
    point = said[OPERATING_POINTS].get(COVID)
    return None if point is None else bool(said[PROBABILITIES][COVID] >= point)


def _only_demonstrates(known: Availability, version: str | None) -> bool:
    return known.state == "demonstration" and known.version == version
