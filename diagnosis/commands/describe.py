"""``python -m diagnosis describe``: the layers of a network, without weights."""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from diagnosis.commands.analyse import BadUsage
from diagnosis.describing import Description, Subject, described
from diagnosis.pipeline import chosen_options
from diagnosis.systems.catalogue import catalogue

SUBJECTS: Mapping[str, str] = {
    "lungs": "diagnosis.lungs.description:LUNGS",
    "lobes": "diagnosis.lungs.description:LOBES",
    "lesions": "diagnosis.lesions.description:LESIONS",
    "decovnet": "diagnosis.systems.decovnet.description:DECOVNET",
    "icovid": "diagnosis.systems.icovid.description:ICOVID",
    "multiscale": "diagnosis.systems.multiscale.description:MULTISCALE",
    "patchwise": "diagnosis.systems.patchwise.description:PATCHWISE",
}
"""Where the networks of every system stand, by the system's name; the first one is its main network."""
KEYS = ("network", "head")
"""What a network is chosen by. The networks of DeCoVNet differ in their heads."""


def add_parser(commands: Any) -> None:
    """Add ``describe`` to the subcommands of an argument parser."""
    names = ", ".join([*SUBJECTS, *catalogue()])
    parser = commands.add_parser("describe", help="describe the networks of a system")
    parser.add_argument("--system", metavar="NAME", help=f"{names}; without it, every system with a network")
    parser.add_argument(
        "--option", action="append", default=[], metavar="network=NAME",
        help="one network of the system; for DeCoVNet head=NAME says the same",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print layers and totals. Raises BadUsage for a system or network that there is not, UnknownChoice."""
    if arguments.system is None:
        if arguments.option:
            raise BadUsage("--option needs --system.")
        found = {name: description_of(name, []) for name in SUBJECTS}
        shown: Any = {name: description.as_json() for name, description in found.items()}
    else:
        found = {arguments.system: description_of(arguments.system, arguments.option)}
        shown = found[arguments.system].as_json()
    if arguments.json:
        sys.stdout.write(json.dumps(shown, indent=1) + "\n")
        return
    for name, description in found.items():
        sys.stdout.write("\n".join(table(name, description)) + "\n")


def description_of(system: str, options: Sequence[str]) -> Description:
    """Return the main or the chosen network of a system, with its other networks in ``networks``."""
    if system not in SUBJECTS:
        chosen_options(system, {})
        raise BadUsage(f"{system} has no network to describe: it measures density by fixed rules.")
    subjects: Mapping[str, Subject] = pkgutil.resolve_name(SUBJECTS[system])
    main = _chosen(system, subjects, options)
    others = {name: described(subject) for name, subject in subjects.items() if name != main}
    return replace(described(subjects[main]), networks=others)


def table(name: str, description: Description) -> list[str]:
    """Return the lines of a readable table, totals last; of the other networks only the totals."""
    rows = [("layer", "type", "output", "parameters", "MAC")]
    rows += [
        (
            layer.name, layer.type, " x ".join(map(str, layer.output_shape)),
            f"{layer.parameters:,}", f"{layer.macs:,}",
        )
        for layer in description.layers
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [f"{name}: {_title(description)}", ""]
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join([*left, *right]))
    lines += ["", _totals(description), ""]
    for other, described_ in description.networks.items():
        lines.append(f"network={other}: {_title(described_)}: {_totals(described_)}")
    return [*lines, ""] if description.networks else lines


def _chosen(system: str, subjects: Mapping[str, Subject], options: Sequence[str]) -> str:
    chosen = next(iter(subjects))
    for text in options:
        key, equals, value = text.partition("=")
        if key not in KEYS or not equals:
            raise BadUsage(f"describe takes --option network=NAME, not {text}.")
        if value not in subjects:
            raise BadUsage(f"{system} has no network {value}. It has: {', '.join(subjects)}.")
        chosen = value
    return chosen


def _title(description: Description) -> str:
    return f"{description.title}, input {' x '.join(map(str, description.input_shape))}"


def _totals(description: Description) -> str:
    return f"{description.parameters:,} parameters, {description.macs / 1e9:.3f} GMAC"
