"""Cohorts and memberships for tests."""

from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from webapp.accounts.factories import HospitalFactory, UserFactory
from webapp.cohorts.models import Cohort, Membership, Role


class CohortFactory(DjangoModelFactory[Cohort]):
    """A cohort of a hospital of its own unless one is given."""

    slug = factory.Sequence(lambda n: f"cohort-{n}")
    name = factory.Sequence(lambda n: f"Cohort {n}")
    hospital = factory.SubFactory(HospitalFactory)

    class Meta:
        model = Cohort


class MembershipFactory(DjangoModelFactory[Membership]):
    """A reader of a cohort, from the cohort's own hospital."""

    cohort = factory.SubFactory(CohortFactory)
    user = factory.SubFactory(UserFactory, hospital=factory.SelfAttribute("..cohort.hospital"))
    role = Role.READER

    class Meta:
        model = Membership
