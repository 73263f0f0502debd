"""Changes of cohorts and of who belongs to them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify

from webapp.accounts.models import Hospital, User
from webapp.accounts.services import create_user
from webapp.audit.services import record
from webapp.cohorts.models import AIPolicy, Cohort, Membership, Role
from webapp.core.errors import UserError
from webapp.core.revisions import change


@transaction.atomic
def create_cohort(
    *,
    actor: User | None,
    name: str,
    hospital: Hospital,
    slug: str = "",
    ai_policy: str = AIPolicy.AT_ONCE,
) -> Cohort:
    """Create a cohort of ``hospital``; without slug one is made from the name."""
    name = name.strip()
    slug = slug or slugify(name)[:60].strip("-") or f"cohort-{secrets.token_hex(3)}"
    try:
        with transaction.atomic():
            cohort = Cohort.objects.create(name=name, hospital=hospital, slug=slug, ai_policy=ai_policy)
    except IntegrityError as error:
        raise UserError(
            "cohort_exists",
            f"A cohort with the address {slug} exists already.",
            "Choose another name.",
            status=409,
        ) from error
    record(actor=actor, action="cohort.created", target=cohort, details={"ai_policy": ai_policy})
    return cohort


@transaction.atomic
def change_cohort(*, actor: User, cohort: Cohort, based_on: int, **changes: Any) -> Cohort:
    """Change name or ai_policy. Raises StaleRevision."""
    changed = change(cohort, based_on, **changes)
    record(actor=actor, action="cohort.changed", target=cohort, details=_told(changes))
    return changed


@transaction.atomic
def set_guests(*, actor: User, cohort: Cohort, based_on: int, guests: Collection[Hospital]) -> Cohort:
    """Grant exactly these hospitals, beside the cohort's own, that their people may become members.

    People of hospitals that lose the grant lose their membership. Raises StaleRevision.
    """
    changed = change(cohort, based_on)
    changed.guests.set(guests)
    allowed = {cohort.hospital_id, *(guest.pk for guest in guests)}
    gone = Membership.objects.filter(cohort=cohort).exclude(user__hospital__in=allowed)
    details = {
        "guests": sorted(str(guest.pk) for guest in guests),
        "members_removed": sorted(str(user) for user in gone.values_list("user_id", flat=True)),
    }
    gone.delete()
    record(actor=actor, action="cohort.guests_changed", target=cohort, details=details)
    return changed


@transaction.atomic
def add_member(*, actor: User | None, cohort: Cohort, email: str, role: str) -> Membership:
    """Give the person with this address a role in the cohort.

    The same words for an unknown address and one of a foreign hospital: neither tells about other hospitals.
    """
    user = User.objects.filter(_of_its_hospitals(cohort), email=email.strip().lower()).first()
    if user is None:
        raise UserError(
            "not_of_the_hospital",
            "Nobody with this e-mail address works in a hospital of this cohort.",
            "Check the address. An administrator can add an account, or open the cohort to another hospital.",
            status=409,
        )
    try:
        with transaction.atomic():
            membership = Membership.objects.create(cohort=cohort, user=user, role=role)
    except IntegrityError as error:
        raise UserError(
            "already_member",
            "This person is a member of the cohort already.",
            "Change the role in the list of members.",
            status=409,
        ) from error
    record(actor=actor, action="member.added", target=cohort, details=_member(membership))
    return membership


@transaction.atomic
def change_member(*, actor: User, membership: Membership, based_on: int, role: str) -> Membership:
    """Change a member's role. Raises StaleRevision."""
    changed = change(membership, based_on, role=role)
    record(actor=actor, action="member.changed", target=changed.cohort, details=_member(changed))
    return changed


@transaction.atomic
def remove_member(*, actor: User, membership: Membership) -> None:
    """Take the person out of the cohort. What they read and signed stays."""
    record(actor=actor, action="member.removed", target=membership.cohort, details=_member(membership))
    membership.delete()


@transaction.atomic
def add_person(
    *, actor: User | None, email: str, role: str, cohort: Cohort | None, name: str = ""
) -> tuple[User, str]:
    """Create an account with its first role and return it with its password, which is shown once.

    ``role`` is ``administrator`` or a cohort role; the account belongs to the hospital of the cohort.
    """
    administrator = role == ADMINISTRATOR
    if cohort is None and not administrator:
        raise UserError("cohort_missing", "This role needs a cohort.", "Name one.")
    hospital = cohort.hospital if cohort else None
    user, password = create_user(
        actor=actor, email=email, name=name, hospital=hospital, is_administrator=administrator
    )
    if cohort is not None and not administrator:
        add_member(actor=actor, cohort=cohort, email=user.email, role=role)
    return user, password


ADMINISTRATOR = "administrator"
ROLE_NAMES = (ADMINISTRATOR, *Role.values)
"""Roles an account can start with."""


def _of_its_hospitals(cohort: Cohort) -> Q:
    return Q(hospital=cohort.hospital_id) | Q(hospital__in=cohort.guests.values("pk"))


def _told(changes: dict[str, Any]) -> dict[str, Any]:
    """Return what the audit trail may hold of a change: names of fields, and the policy."""
    told: dict[str, Any] = {"fields": sorted(changes)}
    return told | {name: value for name, value in changes.items() if name == "ai_policy"}


def _member(membership: Membership) -> dict[str, Any]:
    return {"member": str(membership.user_id), "role": membership.role}
