"""manage.py export_labels: the label folder of a cohort."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.cohorts.models import Cohort
from webapp.core.errors import UserError
from webapp.core.words import RESEARCH_USE
from webapp.learning.export import export_labels


class Command(BaseCommand):
    help = f"Write what the signed readings of a cohort teach as a label folder. {RESEARCH_USE}"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cohort", required=True, metavar="SLUG")
        parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="new or empty folder")

    def handle(self, *args: Any, **options: Any) -> None:
        cohort = Cohort.objects.filter(slug=options["cohort"]).first()
        if cohort is None:
            slugs = ", ".join(Cohort.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no cohort {options['cohort']}. Cohorts here: {slugs}.")
        try:
            exported = export_labels(cohort=cohort, folder=options["out"])
        except UserError as error:
            raise CommandError(f"{error.message} {error.hint}") from error
        except OSError as error:
            raise CommandError(f"The labels could not be written: {error.strerror or error}.") from error
        self.stdout.write(f"label set: {exported.label_set}")
        self.stdout.write(f"studies: {exported.studies}")
        self.stdout.write(f"patients: {exported.patients}")
        self.stdout.write(RESEARCH_USE)
