"""If-Match: a change says which revision it was based on (RFC 9110 section 13.1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request

from webapp.core.errors import UserError

REVISION = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')


def based_on(request: Request) -> int:
    """Return the revision in If-Match. Raises UserError ``revision_missing`` (428) without a readable one."""
    found = REVISION.fullmatch(request.headers.get("If-Match", "").strip())
    if not found:
        raise UserError(
            "revision_missing",
            "The change does not say which revision it was based on.",
            'Send the revision you read in the header If-Match, as in If-Match: "3".',
            status=428,
        )
    return int(found[1])


def stale(yours: Any, theirs: Mapping[str, Any]) -> UserError:
    """Return the 409 that shows both versions: the refused body and the row as it is stored."""
    return UserError(
        "stale",
        f"Somebody else saved revision {theirs['revision']} meanwhile. Your changes were not written.",
        "Compare both versions and send yours again based on the new revision.",
        status=409,
        details={"yours": yours, "theirs": theirs},
    )
