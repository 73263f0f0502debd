"""``python -m diagnosis describe``: the layers of a system's network, without weights."""

from __future__ import annotations

import argparse
from typing import Any

from diagnosis.commands.analyse import BadUsage
from diagnosis.pipeline import chosen_options
from diagnosis.systems.catalogue import catalogue


def add_parser(commands: Any) -> None:
    """Add ``describe`` to the subcommands of an argument parser."""
    parser = commands.add_parser("describe", help="describe the network of a system")
    parser.add_argument("--system", required=True, metavar="NAME", help=", ".join(catalogue()))
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Raises BadUsage: the systems there are have no network. Raises UnknownChoice for other names."""
    chosen_options(arguments.system, {})
    raise BadUsage(f"{arguments.system} has no network to describe: it measures density by fixed rules.")
