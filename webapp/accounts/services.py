"""Changes of users, hospitals and tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify
from knox.models import AuthToken

from webapp.accounts.models import Hospital, User
from webapp.audit.services import record
from webapp.core.errors import UserError
from webapp.core.revisions import change

PASSWORD_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # noqa: S105
PASSWORD_GROUPS, GROUP_LENGTH = 4, 4


@dataclass(frozen=True)
class IssuedToken:
    """A token as its owner gets it, once; the database keeps its hash."""

    text: str
    expires: datetime


def generate_password() -> str:
    """Return a password of 80 random bits that can be read out: four groups of four letters or digits."""
    groups = (
        "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(GROUP_LENGTH)) for _ in range(PASSWORD_GROUPS)
    )
    return "-".join(groups)


@transaction.atomic
def create_user(
    *,
    actor: User | None,
    email: str,
    name: str = "",
    hospital: Hospital | None = None,
    is_administrator: bool = False,
) -> tuple[User, str]:
    """Create an account and return it with its password, which is shown once."""
    email, password = email.strip().lower(), generate_password()
    if User.objects.filter(email=email).exists():
        raise _user_exists()
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                email, password, name=name, hospital=hospital, is_administrator=is_administrator
            )
    except IntegrityError as error:
        raise _user_exists() from error
    record(
        actor=actor,
        action="user.created",
        target=user,
        details={"is_administrator": is_administrator, "hospital": str(hospital.pk) if hospital else ""},
    )
    return user, password


@transaction.atomic
def change_user(*, actor: User, user: User, based_on: int, **changes: Any) -> User:
    """Change name, hospital, is_administrator or is_active. Raises StaleRevision.

    Nobody takes the administrator's rights or the account away from themselves.
    """
    if user == actor and not (changes.get("is_active", True) and changes.get("is_administrator", True)):
        raise UserError(
            "own_account",
            "You cannot deactivate yourself or give up your own administrator's rights.",
            "Ask another administrator.",
            status=409,
        )
    if "hospital" in changes and _belongs_elsewhere(user, changes["hospital"]):
        raise UserError(
            "member_elsewhere",
            "This person is a member of cohorts that the other hospital has no part in.",
            "Remove the person from those cohorts first.",
            status=409,
        )
    changed = change(user, based_on, **changes)
    if not changed.is_active:
        revoke_tokens(user=changed)
    record(actor=actor, action="user.changed", target=user, details={"fields": sorted(changes)})
    return changed


@transaction.atomic
def reset_password(*, actor: User | None, user: User) -> str:
    """Give the user a new password and return it; all their sessions and tokens end."""
    password = generate_password()
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    revoke_tokens(user=user)
    record(actor=actor, action="user.password_reset", target=user)
    return password


@transaction.atomic
def issue_token(*, user: User) -> IssuedToken:
    """Give the user a token. Beyond the limit per user the oldest tokens are revoked."""
    row, text = AuthToken.objects.create(user=user)
    tokens = AuthToken.objects.filter(user=user)
    newest = tokens.order_by("-created").values_list("pk", flat=True)
    tokens.exclude(pk__in=list(newest[: settings.REST_KNOX["TOKEN_LIMIT_PER_USER"]])).delete()
    record(actor=user, action="token.issued", target=user)
    return IssuedToken(text=text, expires=row.expiry)


def revoke_tokens(*, user: User) -> None:
    """End all tokens of the user."""
    AuthToken.objects.filter(user=user).delete()


@transaction.atomic
def create_hospital(*, actor: User | None, name: str) -> Hospital:
    """Create a hospital with an address part made from its name."""
    name = name.strip()
    slug = slugify(name)[:60].strip("-") or f"hospital-{secrets.token_hex(3)}"
    if Hospital.objects.filter(slug=slug).exists():
        slug = f"{slug[:50]}-{secrets.token_hex(3)}"
    try:
        with transaction.atomic():
            hospital = Hospital.objects.create(name=name, slug=slug)
    except IntegrityError as error:
        raise _hospital_exists() from error
    record(actor=actor, action="hospital.created", target=hospital)
    return hospital


@transaction.atomic
def rename_hospital(*, actor: User, hospital: Hospital, based_on: int, name: str) -> Hospital:
    """Rename a hospital; its slug stays. Raises StaleRevision."""
    try:
        with transaction.atomic():
            renamed = change(hospital, based_on, name=name.strip())
    except IntegrityError as error:
        raise _hospital_exists() from error
    record(actor=actor, action="hospital.renamed", target=hospital)
    return renamed


def _belongs_elsewhere(user: User, hospital: Hospital | None) -> bool:
    """Return whether a membership of the user would not be allowed for somebody of ``hospital``."""
    allowed = Q(cohort__hospital=hospital) | Q(cohort__guests=hospital) if hospital else Q(pk__in=[])
    return user.memberships.exclude(allowed).exists()


def _user_exists() -> UserError:
    return UserError(
        "user_exists",
        "This e-mail address has an account already.",
        "Search for it in the list of users.",
        status=409,
    )


def _hospital_exists() -> UserError:
    return UserError(
        "hospital_exists", "A hospital of this name exists already.", "Choose another name.", status=409
    )
