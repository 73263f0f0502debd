"""``python -m diagnosis evaluate``: a system's classifier over a part of a label folder, and its report."""

from __future__ import annotations

import argparse
import hashlib
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from diagnosis.commands.analyse import BadUsage
from diagnosis.evaluation.predictions import Prediction, PredictionFile
from diagnosis.geometry import RefusedInput
from diagnosis.labels import Split, read_label_folder
from diagnosis.systems.catalogue import catalogue
from diagnosis.systems.evaluating import Evaluator, Reading
from diagnosis.systems.interface import Case
from diagnosis.training.labelled import CT, LabelledVolume, open_labelled
from diagnosis.volume import CTVolume, LabelArray
from diagnosis.weight_files import read_header, required

EVALUATIONS: Mapping[str, str] = {
    "decovnet": "diagnosis.systems.decovnet.evaluation:DeCoVNetEvaluator",
    "icovid": "diagnosis.systems.icovid.evaluation:ICovidEvaluator",
    "multiscale": "diagnosis.systems.multiscale.evaluation:MultiscaleEvaluator",
    "patchwise": "diagnosis.systems.patchwise.evaluation:PatchwiseEvaluator",
}
"""For each system with probabilities its `Evaluator`, made from the path of its weights."""
PARTS: tuple[Split, ...] = ("test", "validation")
CACHE = "cache"
_RUN = "run.json"


def add_parser(commands: Any) -> None:
    """Add ``evaluate`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "evaluate", help="measure a system on a part of a label folder",
        description="Runs the classifier of a system on every study with a class and reports how well it "
        "tells them apart. Training never opens the test part; this command does. The same command goes on "
        "where a stopped one ended.",
    )  # fmt: skip
    parser.add_argument("system", metavar="SYSTEM", help=", ".join(EVALUATIONS))
    parser.add_argument("--labels", required=True, type=Path, metavar="DIR", help="the label folder")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the report")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="default: those in use")
    parser.add_argument("--part", choices=PARTS, default=PARTS[0])
    parser.add_argument(
        "--lungs", choices=("automatic", "truth"), default="automatic",
        help="automatic: as found in use (default); truth: as the label folder has them, where it does",
    )  # fmt: skip
    parser.add_argument(
        "--swap", type=int, default=0, metavar="N",
        help="image N of the phantoms again on another scanner and report how far the probabilities move",
    )  # fmt: skip
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder for the decoded labels (default: OUT/cache)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read every study and write the report. Raises BadUsage and RefusedInput."""
    from diagnosis.commands.evaluation_files import Evaluated, write_evaluation
    from diagnosis.commands.scanner_swap import swappable

    _require_possible(arguments)
    spec = catalogue()[arguments.system]
    weights, identity = _identified(arguments)
    evaluator: Evaluator = pkgutil.resolve_name(EVALUATIONS[spec.name])(weights)
    cache: Path = arguments.cache or arguments.out / CACHE
    _claim(arguments.out, identity)
    volumes = open_labelled(arguments.labels, cache, [arguments.part]).classed(arguments.part)
    if not volumes:
        raise RefusedInput("no_studies", f"No study in the {arguments.part} part has a class.")
    again = swappable(volumes, arguments.swap) if arguments.swap else []

    refused: dict[str, str] = {}
    predictions = _read_all(arguments, evaluator, volumes, cache, refused)
    read_once = [volume for volume in again if volume.study in predictions.rows]
    swaps = _read_again(arguments, evaluator, read_once, refused) if again else None
    found = Evaluated(predictions, swaps, refused)
    write_evaluation(arguments.out, weights, identity, evaluator, found)
    _progress(f"wrote {arguments.out / 'evaluation.md'}")


def _require_possible(arguments: argparse.Namespace) -> None:
    if arguments.system not in EVALUATIONS:
        raise BadUsage(f"{arguments.system} can not be evaluated. Choose one of {', '.join(EVALUATIONS)}.")
    if arguments.swap < 0:
        raise BadUsage(f"--swap takes a number of phantoms, not {arguments.swap}.")
    if arguments.weights is not None and not arguments.weights.is_file():
        raise BadUsage(f"{arguments.weights} does not exist.")
    if find_spec("matplotlib") is None:
        raise BadUsage("Evaluating needs the extra train: pip install lungsight[train].")


def _identified(arguments: argparse.Namespace) -> tuple[Path, dict[str, str]]:
    """Return the weights, and what makes two runs the same: their rows may be mixed."""
    spec = catalogue()[arguments.system]
    weights: Path = arguments.weights or required(arguments.system, spec.title)
    needed = {name: read_header(required(name, f"{name} network"))["version"] for name in spec.needs}
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return weights, {
        "system": arguments.system, "version": read_header(weights)["version"], "weights": digest,
        "label_set": read_label_folder(arguments.labels).label_set, "part": arguments.part,
        "lungs": arguments.lungs, **needed,
    }  # fmt: skip


def _claim(out: Path, identity: Mapping[str, str]) -> None:
    """Make the folder and write into it whose rows it holds."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = out / _RUN
        if not file.is_file():
            file.write_text(json.dumps(dict(identity), indent=1) + "\n", "utf-8")
        before = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadUsage(f"The folder {out} can not be used: {error}.") from error
    if before != dict(identity):
        raise BadUsage(f"{out} holds an evaluation of other weights, labels or lungs. Choose another folder.")


def _read_all(
    arguments: argparse.Namespace, evaluator: Evaluator, volumes: Sequence[LabelledVolume], cache: Path,
    refused: dict[str, str],
) -> PredictionFile:  # fmt: skip
    """Read the studies that ``predictions.csv`` does not hold yet."""
    from diagnosis.systems.study_lesions import found_lesions
    from diagnosis.systems.study_lungs import lungs_of

    patients = read_label_folder(arguments.labels).patients
    file = _file(arguments, "predictions.csv", evaluator.findings)
    needs_lesions = "lesions" in catalogue()[arguments.system].needs
    for done, volume in enumerate(volumes, start=1):
        if volume.study not in file.rows:
            with _noting_refusal(volume.study, refused):
                ct = CTVolume(volume.arrays[CT].whole(), volume.affine)
                lungs = lungs_of(volume, cache, arguments.lungs)
                found = found_lesions(volume, lungs, cache) if needs_lesions else None
                reading = evaluator.read(Case(ct, lungs, lesions=found), _lesions(volume))
                file.add(_prediction(volume, patients[volume.study], reading))
        _progress(f"{arguments.part}: {done} of {len(volumes)}")
    return file


def _read_again(
    arguments: argparse.Namespace, evaluator: Evaluator, volumes: Sequence[LabelledVolume],
    refused: dict[str, str],
) -> PredictionFile:  # fmt: skip
    """Image phantoms on other scanners and read those that ``scanner-swap.csv`` does not hold yet."""
    from diagnosis.commands.scanner_swap import imaged_on, other_scanner
    from diagnosis.lungs.segmentation import segment_lungs
    from diagnosis.systems.study_lesions import lesions_in

    patients = read_label_folder(arguments.labels).patients
    file = _file(arguments, "scanner-swap.csv", ())
    needs_lesions = "lesions" in catalogue()[arguments.system].needs
    for done, volume in enumerate(volumes, start=1):
        if volume.study not in file.rows:
            scanner = other_scanner(volume)
            phantom = imaged_on(volume, scanner)
            with _noting_refusal(f"{volume.study} on {scanner}", refused):
                truth = arguments.lungs == "truth"
                lungs = phantom.lungs if truth else segment_lungs(phantom.volume).labels
                found = lesions_in(phantom.volume, lungs) if needs_lesions else None
                reading = evaluator.read(Case(phantom.volume, lungs, lesions=found), None)
                row = _prediction(volume, patients[volume.study], Reading(reading.probabilities))
                file.add(replace(row, scanner=scanner))
        _progress(f"other scanners: {done} of {len(volumes)}")
    return file


def _lesions(volume: LabelledVolume) -> LabelArray | None:
    """The true lesions of a study in which they are known, whatever its class."""
    return volume.arrays["outline"].whole() if volume.has("outline") else None


def _file(arguments: argparse.Namespace, name: str, findings: Sequence[str]) -> PredictionFile:
    try:
        return PredictionFile(arguments.out / name, catalogue()[arguments.system].probabilities, findings)
    except ValueError as error:
        raise BadUsage(f"{error} Choose another folder.") from error


@contextmanager
def _noting_refusal(name: str, refused: dict[str, str]) -> Iterator[None]:
    """Note a study that shows no lungs and go on; it is counted nowhere. Other refusals stop the run."""
    try:
        yield
    except RefusedInput as refusal:
        if refusal.code != "no_lungs":
            raise
        refused[name] = refusal.sentence


def _prediction(volume: LabelledVolume, patient: str, reading: Reading) -> Prediction:
    """The row of a study. Readings name a cohort instead of a scanner, and keep CO-RADS among the answers."""
    given = volume.provenance
    return Prediction(
        study=volume.study,
        patient=patient,
        scanner=str(given.get("scanner") or given.get("cohort") or "unknown"),
        class_name=volume.class_name or "",
        co_rads=given.get("co_rads", given.get("answers", {}).get("co_rads")),
        probabilities=reading.probabilities,
        findings=reading.findings,
    )


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
