"""``python -m diagnosis``: the science without the site.

Exit status: 0 done, 1 our fault, 2 bad usage, 3 refused input; 2 and 3 come with one sentence on
standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from diagnosis.commands import analyse, calibrate, describe, evaluate, phantom, train
from diagnosis.commands.analyse import BadUsage
from diagnosis.geometry import RefusedInput
from diagnosis.pipeline import UnknownChoice

BAD_USAGE, REFUSED = 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m diagnosis",
        description="Chest CT by published methods. Research use only. Not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    analyse.add_parser(commands)
    describe.add_parser(commands)
    phantom.add_parser(commands)
    train.add_parser(commands)
    calibrate.add_parser(commands)
    evaluate.add_parser(commands)
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen)
    except (BadUsage, UnknownChoice) as error:
        sys.stderr.write(f"{error}\n")
        return BAD_USAGE
    except RefusedInput as error:
        sys.stderr.write(f"{error.sentence}\n")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
