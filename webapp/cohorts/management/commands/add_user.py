"""``manage.py add_user``: an account for a person, from the command line."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from webapp.accounts.services import issue_token
from webapp.cohorts.models import Cohort
from webapp.cohorts.services import ADMINISTRATOR, ROLE_NAMES, add_person
from webapp.core.errors import UserError


class Command(BaseCommand):
    help = "Adds an account and prints its password, and with --token a token, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="address the person signs in with")
        parser.add_argument("--role", required=True, choices=ROLE_NAMES)
        parser.add_argument(
            "--cohort", default="", help="slug; may be left out when there is only one cohort"
        )
        parser.add_argument("--token", action="store_true", help="print a token for the API as well")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["email"])
        except ValidationError as error:
            raise CommandError(f"{options['email']} is not an e-mail address.") from error
        cohort = self._cohort(options["role"], options["cohort"])
        try:
            with transaction.atomic():
                user, password = add_person(
                    actor=None, email=options["email"], role=options["role"], cohort=cohort
                )
                token = issue_token(user=user) if options["token"] else None
        except UserError as error:
            raise CommandError(f"{options['email']}: {error.message}") from error
        self.stdout.write(f"password: {password}")
        if token:
            self.stdout.write(f"token: {token.text}")

    def _cohort(self, role: str, slug: str) -> Cohort | None:
        """Return the cohort that was named, or the only one there is."""
        cohorts = Cohort.objects.select_related("hospital")
        if slug:
            cohort = cohorts.filter(slug=slug).first()
            if cohort is None:
                raise CommandError(f"There is no cohort {slug}. {self._choices()}")
            return cohort
        found = list(cohorts[:2])
        if len(found) == 1:
            return found[0]
        if role == ADMINISTRATOR:
            return None
        raise CommandError(f"The role {role} needs --cohort. {self._choices()}")

    def _choices(self) -> str:
        slugs = list(Cohort.objects.values_list("slug", flat=True))
        return f"Cohorts: {', '.join(slugs)}." if slugs else "There is no cohort yet."
