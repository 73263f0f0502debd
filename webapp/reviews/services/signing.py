"""Signing, and what may still be said after it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.audit.models import AuditEvent, Outcome
from webapp.audit.services import record
from webapp.core.errors import UserError
from webapp.core.revisions import StaleRevision
from webapp.reviews.completeness import missing
from webapp.reviews.content import content_hash
from webapp.reviews.models import Addendum, Reading, ReadingState
from webapp.reviews.permissions import Operation, require
from webapp.reviews.selectors import with_parts
from webapp.reviews.services.editing import announce, write
from webapp.reviews.signals import reading_signed
from webapp.reviews.text import is_storable

ADDENDUM_LIMIT = 10_000
WRONG_PASSWORD = "reading.wrong_password"  # noqa: S105 - the name of an audit action
PASSWORD_TRIES = 10
PASSWORD_WINDOW = timedelta(minutes=15)


def sign(*, user: User, reading: Reading, based_on: int, password: str) -> Reading:
    """Lock a complete reading, hash what was signed, and make its training labels in one transaction.

    The password is asked again, so that nobody signs at another person's open screen. Raises UserError
    ``wrong_password``, ``too_many_tries``, ``incomplete`` (with ``missing``), and StaleRevision.
    """
    require(user, reading, Operation.SIGN)
    _check_password(user, reading, password)
    if reading.revision != based_on:
        raise StaleRevision(reading)
    lacks = missing(reading)
    if lacks:
        raise UserError(
            "incomplete",
            lacks[0].sentence,
            f"{len(lacks)} steps are left before signing." if len(lacks) > 1 else "Then sign again.",
            status=409,
            details={"missing": [asdict(lack) for lack in lacks]},
        )
    with transaction.atomic():
        signed = write(
            user=user,
            reading=reading,
            based_on=based_on,
            action="reading.signed",
            state=ReadingState.SIGNED,
            signed_at=timezone.now(),
            ai_policy=reading.cohort.ai_policy,
        )
        signed.content_hash = content_hash(signed)
        signed.save(update_fields=["content_hash"])
        reading_signed.send(sender=Reading, reading=signed)
        announce(signed.series_revision.series)
    return with_parts(Reading.objects.all()).get(pk=signed.pk)


def add_addendum(*, user: User, reading: Reading, text: str) -> Addendum:
    """Add a text to a signed reading; the signed part stays as it is."""
    require(user, reading, Operation.ADD)
    text = text.strip()
    if not text or len(text) > ADDENDUM_LIMIT or not is_storable(text):
        raise UserError(
            "addendum_invalid", f"An addendum is text of 1 to {ADDENDUM_LIMIT} characters.", "Write it again."
        )
    with transaction.atomic():
        addendum = Addendum.objects.create(reading=reading, text=text)
        record(actor=user, action="reading.addendum", target=reading, details={"addendum": str(addendum.pk)})
    return addendum


def _check_password(user: User, reading: Reading, password: str) -> None:
    failures = AuditEvent.objects.filter(
        action=WRONG_PASSWORD, actor_key=str(user.pk), at__gte=timezone.now() - PASSWORD_WINDOW
    )
    if failures.count() >= PASSWORD_TRIES:
        raise UserError(
            "too_many_tries",
            "The password was wrong too often.",
            f"Wait {PASSWORD_WINDOW.seconds // 60} minutes. Your draft is kept.",
            status=429,
        )
    if not user.check_password(password):
        record(actor=user, action=WRONG_PASSWORD, target=reading, outcome=Outcome.REFUSED)
        raise UserError(
            "wrong_password", "This is not your password.", "Type it again. Your draft is kept.", status=403
        )
