"""Typed values of untrusted elements: a value that can not be read is absent, never an exception."""

from __future__ import annotations

import datetime
import re

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from diagnosis.dicom.parsing import PARSER_ERRORS
from diagnosis.geometry import RefusedInput

UID_PATTERN = re.compile(r"[0-9]+(\.[0-9]+)*")
MAX_UID_LENGTH = 64
MAX_IDENTIFIER_LENGTH = 64
MAX_TEXT_LENGTH = 255


def text(ds: Dataset, keyword: str) -> str:
    """Return the value as one line without control characters, several values joined by a backslash."""
    try:
        value = ds.get(keyword)
        joined = "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value or "")
    except PARSER_ERRORS:
        return ""
    return "".join(letter for letter in joined if letter.isprintable()).strip()[:MAX_TEXT_LENGTH]


def uid(ds: Dataset, keyword: str) -> str:
    """Return a UID that is safe to use as a key. Raises RefusedInput when absent or malformed."""
    value = text(ds, keyword)
    if not value:
        raise RefusedInput("no_uid", f"This file has no {keyword}, so it can not be told from others.")
    if len(value) > MAX_UID_LENGTH or not UID_PATTERN.fullmatch(value):
        raise RefusedInput("bad_uid", f"The {keyword} of this file is not a valid UID.")
    return value


def identifier(ds: Dataset, keyword: str) -> str:
    """Return a text that tells patients apart: never shortened, since two would then become one."""
    value = text(ds, keyword)
    if len(value) > MAX_IDENTIFIER_LENGTH:
        raise RefusedInput("bad_identifier", f"The {keyword} of this file is longer than 64 characters.")
    return value


def numbers(ds: Dataset, keyword: str, count: int) -> NDArray[np.float64] | None:
    """Return exactly ``count`` finite numbers, else None."""
    try:
        value = ds.get(keyword)
        values = np.atleast_1d(np.array(value, dtype=float)) if value is not None else np.empty(0)
    except PARSER_ERRORS:
        return None
    return values if values.shape == (count,) and bool(np.isfinite(values).all()) else None


def integer(ds: Dataset, keyword: str) -> int | None:
    """Return a whole number of at most 32 bits, else None."""
    values = numbers(ds, keyword, 1)
    return int(values[0]) if values is not None and values[0] % 1 == 0 and abs(values[0]) < 2**31 else None


def calendar_date(ds: Dataset, keyword: str) -> datetime.date | None:
    """Return a date, also of the form 2020.01.31 that ACR-NEMA used, else None."""
    digits = text(ds, keyword).replace(".", "")
    try:
        return datetime.date.fromisoformat(digits) if len(digits) == 8 and digits.isdecimal() else None
    except ValueError:
        return None
