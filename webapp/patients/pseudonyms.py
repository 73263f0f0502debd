"""Names that readers see instead of the patient's."""

from __future__ import annotations

import secrets

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0 O, 1 I L and U V pairs that are misread on paper."""
LENGTH = 5


def new_pseudonym() -> str:
    """Return a random pseudonym like P-7F3K2; it is made from nothing of the patient."""
    return "P-" + "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
