"""Sign-in, refused sign-in and sign-out in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.utils.crypto import salted_hmac

from webapp.audit.models import Outcome
from webapp.audit.services import record


def account_key(email: str) -> str:
    """Return a key for an address that somebody typed: the same each time, useless without the secret."""
    return salted_hmac("webapp.audit.account", email.strip().lower(), algorithm="sha256").hexdigest()[:32]


@receiver(user_logged_in)
def signed_in(user: AbstractBaseUser, **others: Any) -> None:
    """Record a sign-in by password, for a session or a token."""
    record(actor=user, action="account.signed_in", target=user)


@receiver(user_logged_out)
def signed_out(user: AbstractBaseUser | None, **others: Any) -> None:
    """Record the end of a session or the return of a token."""
    if user is not None:
        record(actor=user, action="account.signed_out", target=user)


@receiver(user_login_failed)
def sign_in_refused(credentials: Mapping[str, Any], **others: Any) -> None:
    """Record a wrong password, an unknown address or a locked account, without the address."""
    typed = str(credentials.get("email") or credentials.get("username") or "")
    record(
        actor=None,
        action="account.signed_in",
        outcome=Outcome.REFUSED,
        details={"account": account_key(typed)},
    )
