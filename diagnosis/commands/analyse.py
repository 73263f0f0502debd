"""``python -m diagnosis analyse``: one series in, a folder of results out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diagnosis.contact_sheet import contact_sheet
from diagnosis.dicom.reader import read_folder
from diagnosis.geometry import LoadedSeries, UnusableSeries
from diagnosis.nifti import is_nifti, read_ct, write_heatmap, write_labels
from diagnosis.pipeline import analyse, analysis_json, chosen_options, stages, switched_off
from diagnosis.regions import on_series_grid
from diagnosis.results import Analysis, Heatmap
from diagnosis.segmentation_options import SEGMENTATIONS
from diagnosis.systems.availability import runnable
from diagnosis.systems.catalogue import catalogue

Options = Mapping[str, Mapping[str, str]]
ALL = "all"
"""Stands for every system whose weights are present and whose segmentations are not switched off."""


class BadUsage(ValueError):
    """The command line asks for something that can not be done. The message is a sentence."""


def add_parser(commands: Any) -> None:
    """Add ``analyse`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "analyse", help="analyse a chest CT: a DICOM folder, a DICOM file or a NIfTI file"
    )
    parser.add_argument("source", metavar="DIR_OR_FILE", type=Path)
    parser.add_argument(
        "--system", nargs="+", action="extend", metavar="NAME",
        help=f"systems to run: {', '.join(catalogue())}, all (default: those with weights) or none",
    )  # fmt: skip
    parser.add_argument(
        "--option", action="append", default=[], metavar="[OWNER.]KEY=VALUE", help=_options_help()
    )
    parser.add_argument("--out", required=True, type=Path, help="folder for the results, made when missing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, analyse, write. Raises BadUsage, UnknownChoice and RefusedInput."""
    names = arguments.system or [ALL]
    systems = chosen_systems(names)
    options = parsed_options(arguments.option, systems)
    left_out = {name: sentence for name in systems if (sentence := switched_off(name, options))}
    if names == [ALL]:
        systems = [name for name in systems if name not in left_out]
    source: Path = arguments.source
    if not source.exists():
        raise BadUsage(f"{source} does not exist.")
    out = _made(arguments.out)
    loaded = _load(source)
    found = analyse(loaded.volume, systems, options, _progress(sys.stderr.isatty()))
    document = analysis_json(found, loaded.report.as_json())
    limits = [reason.sentence for reason in loaded.report.reasons]
    document["warnings"] = [*limits, *loaded.warnings, *left_out.values(), *document["warnings"]]
    write_results(found, document, out, source.name)
    for sentence in document["warnings"]:
        sys.stderr.write(f"warning: {sentence}\n")


def chosen_systems(names: Sequence[str]) -> list[str]:
    """Return the systems to run, each once. Raises BadUsage, UnknownChoice."""
    if ALL in names or "none" in names:
        if len(names) > 1:
            raise BadUsage("--system all and --system none take no other name.")
        return runnable() if names == [ALL] else []
    unique = list(dict.fromkeys(names))
    stages(unique)
    return unique


def parsed_options(given: Sequence[str], systems: Sequence[str]) -> Options:
    """Return {owner: {key: value}} of ``key=value`` (every chosen system that has the key) and
    ``owner.key=value``, where the owner is a chosen system, lungs, lobes or lesions. Raises BadUsage and
    UnknownChoice."""
    options: dict[str, dict[str, str]] = {name: {} for name in (*SEGMENTATIONS, *systems)}
    for text in given:
        key, equals, value = text.partition("=")
        owner, dot, name = key.rpartition(".")
        if not equals or not name:
            raise BadUsage(f"--option takes key=value, not {text}.")
        owners = [owner] if dot else [system for system in systems if _has_option(system, name)]
        if not owners or any(system not in options for system in owners):
            raise BadUsage(f"None of the chosen systems has an option {key}.")
        for system in owners:
            options[system][name] = value
    for system, chosen in options.items():
        chosen_options(system, chosen)
    return options


def write_results(analysis: Analysis, document: dict[str, Any], out: Path, title: str) -> None:
    """Write the label volumes that were made, heatmaps and contact sheet, and last ``analysis.json``, which
    names the files."""
    affine = analysis.volume.affine
    for name, labels in (("lungs", analysis.lungs), ("lobes", analysis.lobes), ("lesions", analysis.lesions)):
        if labels is not None:
            write_labels(out / f"{name}.nii.gz", labels, affine)
    for name, result in analysis.systems.items():
        for heatmap, entry in zip(result.heatmaps, document["systems"][name]["heatmaps"], strict=True):
            entry["file"] = heatmap_file(name, heatmap)
            write_heatmap(out / entry["file"], on_series_grid(heatmap, affine, analysis.volume.shape), affine)
    contact_sheet(analysis, title).save(out / "contact-sheet.png")
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    (out / "analysis.json").write_text(text + "\n", encoding="utf-8")


def heatmap_file(system: str, heatmap: Heatmap) -> str:
    """Return the file name of a heatmap on the series grid."""
    return f"heatmap-{system}-{heatmap.class_name}-{heatmap.kind}.nii.gz".replace(" ", "_")


def _options_help() -> str:
    """The owners of options with their choices; argparse takes % for its own."""
    owners = {**SEGMENTATIONS, **{name: spec.options for name, spec in catalogue().items()}}
    known = "; ".join(
        f"{owner}.{option.name}={'|'.join(option.choices)} ({option.help})"
        for owner, options in owners.items()
        for option in options
    )
    return f"an option of the systems or of a segmentation: {known}".replace("%", "%%")


def _has_option(system: str, name: str) -> bool:
    return any(option.name == name for option in catalogue()[system].options)


def _made(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadUsage(f"The folder {out} can not be made: {error.strerror or error}.") from error
    return out


def _load(source: Path) -> LoadedSeries:
    loaded = read_ct(source) if source.is_file() and is_nifti(source) else read_folder(source)
    if loaded.report.grade == "unusable":
        raise UnusableSeries(loaded.report)
    return loaded


def _progress(shown: bool) -> Callable[[str, float], None]:
    def show(stage: str, part: float) -> None:
        if shown:
            end = "\n" if part >= 1 else ""
            sys.stderr.write(f"\r{part:4.0%}  {stage:<24}{end}")
            sys.stderr.flush()

    return show
