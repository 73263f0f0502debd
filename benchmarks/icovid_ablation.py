"""icovid beside its ablations, as in Table 3 of Berenguer et al., 2020.

    python -m benchmarks.icovid_ablation --labels DIR [--cvae-steps N] [--steps N] [--seed N] [--cache DIR]

Three models: without CVAE and without lesions, CVAE without lesions, CVAE with lesions. Autoencoders are
trained for the same steps, then whole classifiers for the same steps, from the same seed, on the train part
of a label folder; the weights of the best validation are measured on the test part, at the operating point
of the validation part. Lungs are those of the label folder, lesions are found as in use where the network
for them is there. The paper tells 23 of 66 scans: its figures stand beside ours to compare the order, not
the values. Few steps show what learns fastest, not what is best in the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from diagnosis.evaluation.delong import roc_area
from diagnosis.evaluation.operating import at_threshold, at_youden
from diagnosis.evaluation.report_tables import number
from diagnosis.geometry import RefusedInput
from diagnosis.inference import device_of_choice
from diagnosis.labels import Split
from diagnosis.systems.icovid import cvae_training, training
from diagnosis.systems.icovid.cvae_training import CVAESchedule, CVAETask
from diagnosis.systems.icovid.network import COVID, Side
from diagnosis.systems.icovid.preprocessing import as_tensor
from diagnosis.systems.icovid.training import ICovidSchedule, ICovidTask
from diagnosis.systems.icovid.training_inputs import in_use, study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.training.loop import train
from diagnosis.training.task import Settings

Schedule = TypeVar("Schedule", CVAESchedule, ICovidSchedule)
_ROW = "{:<36}{:>24}{:>24}{:>10}  {:<26}{}"


@dataclass(frozen=True, slots=True)
class Variant:
    """One model, and what the paper prints of it: sensitivity, specificity, F1."""

    side: Side
    pre_trained: bool
    published: str


VARIANTS: Mapping[str, Variant] = {
    "Classification without CVAE": Variant("none", pre_trained=False, published="0.57, 0.59, 0.48"),
    "CVAE without side information": Variant("none", pre_trained=True, published="0.74, 0.68, 0.63"),
    "Proposed model": Variant("lesions", pre_trained=True, published="0.83, 0.72, 0.70"),
}


def main() -> None:
    """Print one row per model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--cvae-steps", type=int, default=400)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    if chosen.labels is None:
        print("Not run: name a label folder with --labels; an hour or more of training follows.")
        return
    with TemporaryDirectory() as folder:
        cache = chosen.cache or Path(folder) / "cache"
        try:
            studies = open_labelled(chosen.labels, cache, ("train", "validation", "test"))
            first = shortened(cvae_training.SMALL, chosen.cvae_steps, chosen.seed)
            compare(studies, cache, first, shortened(training.SMALL, chosen.steps, chosen.seed))
        except RefusedInput as refusal:
            sys.exit(refusal.sentence)


def shortened(schedule: Schedule, steps: int, seed: int) -> Schedule:
    """Return the schedule with another length, validated four times on the way."""
    settings: Settings = replace(
        schedule.settings, steps=steps, seed=seed, warm_up=min(schedule.settings.warm_up, steps // 10),
        validate_every=max(1, steps // 4), checkpoint_every=steps, device=str(device_of_choice()),
    )  # fmt: skip
    return replace(schedule, settings=settings)


def compare(
    studies: LabelledStudies, cache: Path, first: CVAESchedule, then: ICovidSchedule,
    variants: Mapping[str, Variant] = VARIANTS,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Train and measure every model, print a row for each; return their probabilities on the test part."""
    truth = _truth(studies, "test")
    print(f"{len(truth)} test studies, {int(truth.sum())} with COVID-19")
    print(_ROW.format("", "sensitivity", "specificity", "F1", "AUC", "Berenguer et al.: sens., spec., F1"))
    found = {}
    for name, variant in variants.items():
        branches = _branches(variant, studies, cache, first) if variant.pre_trained else {}
        network = _classifier(variant, studies, cache, then, branches)
        chosen = _scores(network, studies, "validation", then, variant, cache)
        point = at_youden(_truth(studies, "validation"), chosen)
        found[name] = _scores(network, studies, "test", then, variant, cache)
        _print_row(name, truth, found[name], 0.5 if point is None else point.threshold, variant)
    return found


def _branches(
    variant: Variant, studies: LabelledStudies, cache: Path, schedule: CVAESchedule
) -> dict[str, Tensor]:
    task = CVAETask(studies, cache, replace(schedule, side=variant.side))
    with TemporaryDirectory() as out:
        network = train(task, Path(out), task.settings, {}).network
    return {name: value for name, value in network.state_dict().items() if name.startswith("encoder.")}


def _classifier(
    variant: Variant, studies: LabelledStudies, cache: Path, schedule: ICovidSchedule,
    branches: Mapping[str, Tensor],
) -> nn.Module:  # fmt: skip
    task = ICovidTask(studies, cache, replace(schedule, side=variant.side))
    torch.manual_seed(schedule.settings.seed)
    start = {**task.network().state_dict(), **branches}
    with TemporaryDirectory() as out:
        return train(task, Path(out), task.settings, {}, start=start).network


def _scores(
    network: nn.Module, studies: LabelledStudies, part: Split, schedule: ICovidSchedule, variant: Variant,
    cache: Path,
) -> np.ndarray:  # fmt: skip
    device = next(network.parameters()).device
    scores = []
    with torch.inference_mode():
        for volume in studies.part(part):
            if volume.class_name is not None:
                shown = study_input(volume, schedule.size, cache, in_use())[:2]
                logits = network(as_tensor(shown, variant.side).to(device)).float()
                scores.append(float(logits.softmax(dim=1)[0, COVID]))
    return np.array(scores)


def _truth(studies: LabelledStudies, part: Split) -> np.ndarray:
    return np.array([is_covid(one) for one in studies.part(part) if one.class_name is not None])


def _print_row(name: str, truth: np.ndarray, scores: np.ndarray, point: float, variant: Variant) -> None:
    rates, area = at_threshold(truth, scores, point).rates, roc_area(truth, scores)
    print(
        _ROW.format(
            name,
            *("-" if one is None else number(one.value, one.interval)
              for one in (rates.sensitivity, rates.specificity)),
            number(rates.f1), "-" if area is None else number(area.value, area.interval), variant.published,
        ),
        flush=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
