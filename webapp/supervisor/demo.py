"""The demo that an empty site starts with: a hospital, an administrator, a reader and a cohort."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db import transaction

from webapp.accounts.models import User
from webapp.accounts.services import create_hospital, create_user
from webapp.cohorts.models import Role
from webapp.cohorts.services import add_member, create_cohort

ADMINISTRATOR, READER = "administrator@example.org", "reader@example.org"
COHORT = "demo"
ACCOUNTS = "demo-accounts.json"


@dataclass(frozen=True, slots=True)
class Account:
    """How to sign in as one of the demo's people."""

    role: str
    email: str
    password: str


def demo_is_made(data: Path) -> bool:
    """Tell whether a start before this one has made the demo."""
    return (data / ACCOUNTS).exists()


def demo_accounts(data: Path) -> list[Account]:
    """Return the demo's accounts, made on the first run. Empty when the site has users of its own."""
    path = data / ACCOUNTS
    if path.exists():
        return [Account(**entry) for entry in json.loads(path.read_text())]
    if User.objects.exists():
        return []
    with transaction.atomic():
        accounts = _make()
        _keep(path, accounts)
    return accounts


def _make() -> list[Account]:
    hospital = create_hospital(actor=None, name="Demo Hospital")
    _, password = create_user(
        actor=None, email=ADMINISTRATOR, name="Demo Administrator", hospital=hospital, is_administrator=True
    )
    _, reader_password = create_user(actor=None, email=READER, name="Demo Reader", hospital=hospital)
    cohort = create_cohort(actor=None, name="Demo", hospital=hospital, slug=COHORT)
    add_member(actor=None, cohort=cohort, email=READER, role=Role.READER)
    return [
        Account("administrator", ADMINISTRATOR, password),
        Account("reader", READER, reader_password),
    ]


def _keep(path: Path, accounts: list[Account]) -> None:
    """Write the passwords where only this user can read them, so that every start can show them."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump([asdict(account) for account in accounts], file, indent=1)
