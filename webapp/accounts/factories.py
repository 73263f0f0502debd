"""Hospitals and users for tests."""

from __future__ import annotations

from typing import Any

import factory
from factory.django import DjangoModelFactory

from webapp.accounts.models import Hospital, User

PASSWORD = "correct horse battery"
"""The password of every user a test makes."""


class HospitalFactory(DjangoModelFactory[Hospital]):
    """A hospital."""

    name = factory.Sequence(lambda n: f"Hospital {n}")
    slug = factory.Sequence(lambda n: f"hospital-{n}")

    class Meta:
        model = Hospital


class UserFactory(DjangoModelFactory[User]):
    """A user with the password ``PASSWORD``, of a hospital of their own unless one is given."""

    email = factory.Sequence(lambda n: f"person-{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")
    hospital = factory.SubFactory(HospitalFactory)

    class Meta:
        model = User

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(*args, **{"password": PASSWORD} | kwargs)
