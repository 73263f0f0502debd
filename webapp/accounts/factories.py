"""Hospitals and users for tests."""

from __future__ import annotations

from typing import Any

from factory.declarations import Sequence, SubFactory
from factory.django import DjangoModelFactory

from webapp.accounts.models import Hospital, User

PASSWORD = "correct horse battery"
"""The password of every user a test makes."""


class HospitalFactory(DjangoModelFactory[Hospital]):
    """A hospital."""

    name = Sequence(lambda n: f"Hospital {n}")
    slug = Sequence(lambda n: f"hospital-{n}")

    class Meta:
        model = Hospital


class UserFactory(DjangoModelFactory[User]):
    """A user with the password ``PASSWORD``, of a hospital of their own unless one is given."""

    email = Sequence(lambda n: f"person-{n}@example.org")
    name = Sequence(lambda n: f"Person {n}")
    hospital = SubFactory(HospitalFactory)

    class Meta:
        model = User

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(*args, **{"password": PASSWORD} | kwargs)
