"""Cohorts and memberships for tests."""

from __future__ import annotations

from factory.declarations import SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from webapp.accounts.factories import HospitalFactory, UserFactory
from webapp.cohorts.models import Cohort, Membership, Role


class CohortFactory(DjangoModelFactory[Cohort]):
    """A cohort of a hospital of its own unless one is given."""

    slug = Sequence(lambda n: f"cohort-{n}")
    name = Sequence(lambda n: f"Cohort {n}")
    hospital = SubFactory(HospitalFactory)

    class Meta:
        model = Cohort


class MembershipFactory(DjangoModelFactory[Membership]):
    """A reader of a cohort, from the cohort's own hospital."""

    cohort = SubFactory(CohortFactory)
    user = SubFactory(UserFactory, hospital=SelfAttribute("..cohort.hospital"))
    role = Role.READER

    class Meta:
        model = Membership
