"""What may be done to a reading: in which state, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from webapp.accounts.models import User
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.core.errors import UserError
from webapp.reviews.models import Reading, ReadingState


class Operation(StrEnum):
    """What a reader does to a reading."""

    CHANGE = "change"
    DRAW = "draw"
    ADD_REGION = "add_region"
    DELETE_REGION = "delete_region"
    REVEAL = "reveal"
    USE_ANALYSIS = "use_analysis"
    SIGN = "sign"
    ADD = "add"


STATES_FOR: Mapping[Operation, ReadingState] = {
    Operation.CHANGE: ReadingState.DRAFT,
    Operation.DRAW: ReadingState.DRAFT,
    Operation.ADD_REGION: ReadingState.DRAFT,
    Operation.DELETE_REGION: ReadingState.DRAFT,
    Operation.REVEAL: ReadingState.DRAFT,
    Operation.USE_ANALYSIS: ReadingState.DRAFT,
    Operation.SIGN: ReadingState.DRAFT,
    Operation.ADD: ReadingState.SIGNED,
}
"""The one state in which an operation is possible. Only ``sign`` moves a reading on, to signed."""


def require(user: User, reading: Reading, operation: Operation) -> None:
    """Raise UserError unless ``user`` may do ``operation`` to ``reading`` now.

    A reading has one author, who must still be a reader of its cohort; not even an administrator writes
    in another person's reading.
    """
    if reading.reader_id != user.pk:
        raise UserError(
            "not_yours", "This reading belongs to another reader.", "You can look at it.", status=403
        )
    if not cohorts_for(user, Action.READ).filter(pk=reading.cohort_id).exists():
        raise UserError(
            "not_a_reader",
            "You are no longer a reader of this cohort.",
            "Ask the lead of the cohort for the role of a reader.",
            status=403,
        )
    if reading.state == STATES_FOR[operation]:
        return
    if reading.state == ReadingState.SIGNED:
        raise UserError(
            "signed",
            "This reading is signed and stays as it is.",
            "Write an addendum to add something.",
            status=409,
        )
    raise UserError(
        "not_signed", "Only a signed reading takes an addendum.", "Change the draft itself.", status=409
    )
