"""The answers of a reading: which fields there are, what they may hold, how a change is merged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from webapp.core.errors import UserError
from webapp.reviews.text import is_storable

LOBES = ("RUL", "RML", "RLL", "LUL", "LLL")
CO_RADS_PCR = 6
"""CO-RADS 6 means proven by PCR (Prokop et al., Radiology 2020), so only it asks for the result."""
PCR = ("positive", "negative", "unknown")
DIAGNOSES = ("COVID-19", "CAP", "other", "NP")
CONFIDENCES = ("certain", "confident", "unsure")
NOTE_LIMIT = 10_000

Answers = dict[str, Any]


def merged(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> Answers:
    """Return ``stored`` with ``patch`` merged in; None deletes a field (or a lobe of the severity).

    Raises UserError that names the field when a value is not allowed. CO-RADS other than 6 drops the PCR.
    """
    answers: Answers = dict(stored)
    for field, value in patch.items():
        if field not in _RULES:
            raise _refused(field, f"A reading has no answer called {field[:40]}.")
        if value is None:
            answers.pop(field, None)
        elif field == "severity":
            answers[field] = _severity(stored.get(field, {}), value)
        else:
            answers[field] = _checked(field, value)
    if not answers.get("severity", True):
        del answers["severity"]
    if answers.get("co_rads") != CO_RADS_PCR:
        if patch.get("pcr") is not None:
            raise _refused("pcr", "The PCR result belongs to CO-RADS 6.", "Choose CO-RADS 6 first.")
        answers.pop("pcr", None)
    return answers


def _severity(stored: Mapping[str, int], patch: Any) -> dict[str, int]:
    if not isinstance(patch, Mapping):
        raise _refused("severity", "Severity is a score per lobe.", "Send RUL, RML, RLL, LUL, LLL.")
    severity = dict(stored)
    for lobe, score in patch.items():
        if lobe not in LOBES:
            raise _refused("severity", f"There is no lobe called {str(lobe)[:10]}.", "Use RUL to LLL.")
        if score is None:
            severity.pop(lobe, None)
        elif _whole(score, 0, 5):
            severity[lobe] = score
        else:
            raise _refused(f"severity.{lobe}", f"The severity of {lobe} is a whole number from 0 to 5.")
    return severity


def _checked(field: str, value: Any) -> Any:
    rule, sentence = _RULES[field]
    if not rule(value):
        raise _refused(field, sentence)
    return value


def _refused(field: str, sentence: str, hint: str = "Change it and save again.") -> UserError:
    return UserError("answer_invalid", sentence, hint, details={"field": field})


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in choices


def _is_note(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= NOTE_LIMIT and is_storable(value)


_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "co_rads": (lambda value: _whole(value, 1, 6), "CO-RADS is a whole number from 1 to 6."),
    "pcr": (_one_of(PCR), f"The PCR result is one of {', '.join(PCR)}."),
    "severity": (lambda value: isinstance(value, Mapping), "Severity is a score per lobe."),
    "diagnosis": (_one_of(DIAGNOSES), f"The diagnosis is one of {', '.join(DIAGNOSES)}."),
    "confidence": (_one_of(CONFIDENCES), f"The confidence is one of {', '.join(CONFIDENCES)}."),
    "note": (_is_note, f"A note is text of at most {NOTE_LIMIT} characters."),
    "nothing_else": (lambda value: isinstance(value, bool), "Nothing else is either true or false."),
}
"""Per field: what is allowed, and the sentence that says so."""
