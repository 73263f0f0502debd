"""The demo's studies: synthetic chest CT made by a subprocess, imported like any upload."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.core.management import CommandError, call_command

from webapp.core.processes import die_with_parent
from webapp.supervisor.demo import ADMINISTRATOR, COHORT

logger = logging.getLogger(__name__)

MARKER = "demo-studies.json"
"""In the data folder: which studies are still to be made. Without it there is nothing to make."""
SIZE = "110,512,512"
"""Slices, rows and columns: thin enough for smooth coronal views, and made in well under a minute."""
LONGEST_SECONDS = 3600
"""On a busy machine the phantom waits for everybody else."""
NICENESS = 10
"""The site and its workers go first."""


@dataclass(frozen=True, slots=True)
class DemoStudy:
    """One phantom: its class on the command line, a seed whose patient shows it well, and a scanner.

    The scanners' slices are thick enough to leave no gaps at SIZE.
    """

    kind: str
    seed: int
    scanner: str


STUDIES = (
    DemoStudy("covid", 21, "ember-standard"),
    DemoStudy("cap", 7, "delta-moving"),
    DemoStudy("np", 12, "frost-standard"),
)


def want_demo_studies(data: Path) -> None:
    """Note that the demo's studies are to be made. Called once, when the demo itself is made."""
    _keep(data, [study.kind for study in STUDIES])


def wanted(data: Path) -> list[DemoStudy]:
    """Return the studies that are still to be made."""
    path = data / MARKER
    kinds = json.loads(path.read_text()) if path.exists() else []
    return [study for study in STUDIES if study.kind in kinds]


def make_demo_studies(data: Path) -> bool:
    """Make and import every study that is still wanted, and tell whether none failed.

    A study that fails is named in the log and tried again at the next start. Being stopped in the middle
    does no harm: the same bytes are imported only once.
    """
    folder = data / "demo-studies"
    failed = 0
    for study in wanted(data):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _make(study, folder)
            call_command("import", str(folder / "dicom"), cohort=COHORT, user=ADMINISTRATOR)
        except (OSError, subprocess.SubprocessError, CommandError) as error:
            logger.error("the demo study %s could not be made: %s", study.kind, _reason(error))
            failed += 1
        else:
            _keep(data, [other.kind for other in wanted(data) if other != study])
            logger.info("the demo study %s is imported", study.kind)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return not failed


def phantom_command(study: DemoStudy, folder: Path) -> Sequence[str]:
    """Return the command that makes a study. It runs by itself: the site never loads torch."""
    return [
        sys.executable, "-m", "diagnosis", "phantom", "--seed", str(study.seed), "--class", study.kind,
        "--scanner", study.scanner, "--size", SIZE, "--out", str(folder),
    ]  # fmt: skip


def _make(study: DemoStudy, folder: Path) -> None:
    subprocess.run(
        phantom_command(study, folder),
        check=True,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        stdin=subprocess.DEVNULL,
        preexec_fn=partial(_begin, os.getpid()),
    )


def _begin(parent: int) -> None:
    os.nice(NICENESS)
    die_with_parent(parent, signal.SIGKILL)


def _reason(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return (said or "").strip()[-500:] or type(error).__name__


def _keep(data: Path, kinds: Sequence[str]) -> None:
    new = data / f"{MARKER}.new"
    new.write_text(json.dumps(list(kinds)))
    new.replace(data / MARKER)
