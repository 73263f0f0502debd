"""``manage.py import PATH... --cohort SLUG``: the way in from a folder of this machine."""
# ruff: noqa: N999 - the command has the name that people look for

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.accounts.models import User
from webapp.cohorts.models import Cohort
from webapp.core import blobs
from webapp.core.errors import UserError
from webapp.imaging import services
from webapp.imaging.models import FileOutcome, Upload

FILES_AT_ONCE = 200


class Command(BaseCommand):
    """Import files and folders as an upload of an administrator or of a named user."""

    help = "Import DICOM, NIfTI and zip files into a cohort. The check workers do the rest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder of files"
        )
        parser.add_argument("--cohort", required=True, metavar="SLUG")
        parser.add_argument("--pseudonym", default="", help="names the patient; needed for NIfTI")
        parser.add_argument("--user", default="", metavar="EMAIL", help="whose upload it is")

    def handle(self, *args: Any, **options: Any) -> None:
        files = list(_files(options["paths"]))
        if not files:
            raise CommandError("There is no file at these paths.")
        try:
            upload = services.open_upload(
                user=_user(options["user"]), cohort=_cohort(options["cohort"]), pseudonym=options["pseudonym"]
            )
            for start in range(0, len(files), FILES_AT_ONCE):
                _receive(upload, files[start : start + FILES_AT_ONCE])
            services.complete(upload=upload)
        except UserError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from error
        self._report(upload)

    def _report(self, upload: Upload) -> None:
        rows = list(upload.files.all())
        for row in rows:
            if row.reason:
                self.stdout.write(f"{row.name}: {row.outcome}. {row.reason}")
        counts = Counter(row.outcome for row in rows)
        words = ", ".join(f"{counts[outcome]} {outcome}" for outcome in FileOutcome if counts[outcome])
        self.stdout.write(f"upload {upload.pk}: {words}")


def _files(paths: list[Path]) -> Iterator[Path]:
    """Yield regular files at and below the paths, in order; links to folders are not followed."""
    for path in paths:
        if path.is_file():
            yield path
        elif not path.is_dir():
            raise CommandError(f"There is no file or folder {path}.")
        for folder, folders, names in os.walk(path):
            folders.sort()
            yield from (Path(folder, name) for name in sorted(names) if Path(folder, name).is_file())


def _user(email: str) -> User:
    users = User.objects.filter(is_active=True)
    user = users.filter(email=email.lower()).first() if email else users.filter(is_administrator=True).first()
    if user is None:
        raise CommandError(
            f"There is no user {email}." if email else "There is no administrator: name --user."
        )
    return user


def _cohort(slug: str) -> Cohort:
    cohort = Cohort.objects.select_related("hospital").filter(slug=slug).first()
    if cohort is None:
        raise CommandError(f"There is no cohort {slug}.")
    return cohort


def _receive(upload: Upload, paths: list[Path]) -> None:
    files = []
    try:
        for path in paths:
            file = services.SentFile(path.name, blobs.Incoming())
            files.append(file)
            with path.open("rb") as source:
                for chunk in blobs.read_chunks(source):
                    file.bytes.write(chunk)
            file.bytes.finish()
        services.receive(upload=upload, files=files)
    finally:
        for file in files:
            file.bytes.close()
