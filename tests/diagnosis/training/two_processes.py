"""Run by torchrun in a test: train the toy in every process and save what each process ends with."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file

from diagnosis.training.distributed import process_group, rank
from diagnosis.training.loop import train
from tests.diagnosis.training.toy import SETTINGS, ToyTask


def main(out: Path) -> None:
    with process_group() as device:
        settings = replace(SETTINGS, device=str(device))
        trained = train(ToyTask(), out, settings, {"system": "toy"})
        save_file(trained.network.state_dict(), out / f"process-{rank()}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
