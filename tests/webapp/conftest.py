"""The people every web test meets: two hospitals, one user per role, a stranger, and nobody."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from rest_framework.test import APIClient

from webapp.accounts.factories import HospitalFactory, UserFactory
from webapp.accounts.models import Hospital, User
from webapp.cohorts.factories import CohortFactory, MembershipFactory
from webapp.cohorts.models import Cohort, Role

ROLES = ("administrator", "reader", "viewer", "lead", "data_manager", "stranger", "anonymous")
"""Everybody a permission matrix must name; ``World.as_role`` signs them in."""


@dataclass
class World:
    """Hospital north with its cohort and people; hospital south with a cohort that ``stranger`` reads."""

    north: Hospital
    south: Hospital
    cohort: Cohort
    other_cohort: Cohort
    administrator: User
    reader: User
    viewer: User
    lead: User
    data_manager: User
    stranger: User
    anonymous: APIClient = field(default_factory=APIClient)

    def as_user(self, user: User) -> APIClient:
        """Return a client signed in as ``user`` by session, for pages and API."""
        client = APIClient()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    def as_role(self, role: str) -> APIClient:
        """Return a client of one of ``ROLES``."""
        return self.anonymous if role == "anonymous" else self.as_user(self.user(role))

    def user(self, role: str) -> User:
        """Return the user of one of ``ROLES`` but anonymous."""
        user: User = getattr(self, role)
        return user


@pytest.fixture
def world(db: None) -> World:
    """Return two hospitals, a cohort in each, and one user per role."""
    north = HospitalFactory(name="Hospital North", slug="north")
    south = HospitalFactory(name="Hospital South", slug="south")
    cohort = CohortFactory(slug="north", name="Cohort North", hospital=north)
    other_cohort = CohortFactory(slug="south", name="Cohort South", hospital=south)

    def member(role: Role, email: str, of: Cohort = cohort) -> User:
        user: User = MembershipFactory(cohort=of, role=role, user__email=f"{email}@example.org").user
        return user

    return World(
        north=north,
        south=south,
        cohort=cohort,
        other_cohort=other_cohort,
        administrator=UserFactory(email="administrator@example.org", hospital=north, is_administrator=True),
        reader=member(Role.READER, "reader"),
        viewer=member(Role.VIEWER, "viewer"),
        lead=member(Role.LEAD, "lead"),
        data_manager=member(Role.DATA_MANAGER, "data-manager"),
        stranger=member(Role.READER, "stranger", other_cohort),
    )
