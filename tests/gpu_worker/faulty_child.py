"""The real warm child, whose work misbehaves as its rows ask (``misbehaviour``)."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TextIO

from gpu_worker import child

serve = child.serve


def serve_badly(queue: str, answers: TextIO) -> None:
    from gpu_worker import kinds

    run = "tests.gpu_worker.misbehaviour.misbehave"
    kinds.KINDS = {name: tuple(replace(kind, run=run) for kind in some) for name, some in kinds.KINDS.items()}
    serve(queue, answers)


if __name__ == "__main__":
    child.serve = serve_badly
    child.main(sys.argv[1], int(sys.argv[2]))
