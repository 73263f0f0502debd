"""icovid beside its ablations, as in Table 3 of Berenguer et al., 2020.

    python -m benchmarks.icovid_ablation --labels DIR [--start FILE] [--cvae-steps N] [--head-steps N]
        [--variants N] [--steps N] [--seed N] [--cache DIR]

Three models: without CVAE and without lesions, CVAE without lesions, CVAE with lesions. Those with a CVAE are
trained as ``train icovid`` does: the autoencoder, then a head on the features of its branches, which stay as
they are. ``--start``, weights that ``train icovid --network cvae`` made, spares the proposed model its
autoencoder. Without CVAE the whole classifier is trained from random weights; its 3,500 steps take about as
long on a CPU as autoencoder, features and head without lesions. In the small schedule the autoencoder is also
taught where lesions are, voxel by voxel, which the paper does not do: the second model does not see lesions
but was taught by them, the first one was not.

The weights of the best validation are measured on the test part, at the point of Youden's index on the
validation part. Lungs and lesions of the test part are found as in use; studies of the validation part have
the lungs of the label folder, as in training. Models without lesions never ask for any. The paper tells 23 of
66 scans: its figures stand beside ours to compare the order, not the values.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.lengths import of_length
from diagnosis.evaluation.cases import Flags, Numbers
from diagnosis.evaluation.delong import roc_area
from diagnosis.evaluation.operating import at_threshold, at_youden
from diagnosis.evaluation.report_tables import number
from diagnosis.geometry import RefusedInput
from diagnosis.labels import Split
from diagnosis.systems.icovid import cvae_training, head_training, training
from diagnosis.systems.icovid.configuration import autoencoder_configuration_of
from diagnosis.systems.icovid.cvae_training import CVAESchedule, CVAETask
from diagnosis.systems.icovid.head_training import HeadSchedule, HeadTask
from diagnosis.systems.icovid.network import COVID, Side
from diagnosis.systems.icovid.preprocessing import InputSize, as_tensor, network_input
from diagnosis.systems.icovid.training import ICovidSchedule, ICovidTask
from diagnosis.systems.icovid.training_inputs import in_use, study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.systems.study_lesions import found_lesions, lesion_version
from diagnosis.systems.study_lungs import lungs_of
from diagnosis.training.labelled import CT, LabelledStudies, open_labelled
from diagnosis.training.loop import train
from diagnosis.volume import CTVolume, LabelArray
from diagnosis.weight_files import bad, read_header

Schedule = TypeVar("Schedule", CVAESchedule, HeadSchedule, ICovidSchedule)
STEPS = 3500
"""Of the whole classifier: 0.23 s each against 0.6 s of the autoencoder without lesions, on one thread."""
_ROW = "{:<32}{:<24}{:<24}{:<8}{:<24}{}"


@dataclass(frozen=True, slots=True)
class Variant:
    """One model, and what the paper prints of it: sensitivity, specificity, F1."""

    side: Side
    pre_trained: bool
    published: str


WITHOUT_CVAE = "Classification without CVAE"
WITHOUT_SIDE = "CVAE without side information"
PROPOSED = "Proposed model"
VARIANTS: Mapping[str, Variant] = {
    WITHOUT_CVAE: Variant("none", pre_trained=False, published="0.57, 0.59, 0.48"),
    WITHOUT_SIDE: Variant("none", pre_trained=True, published="0.74, 0.68, 0.63"),
    PROPOSED: Variant("lesions", pre_trained=True, published="0.83, 0.72, 0.70"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How autoencoders are trained, heads on them, and a whole classifier; inputs of one size."""

    cvae: CVAESchedule
    head: HeadSchedule
    whole: ICovidSchedule


def main() -> None:
    """Print one row per model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--cvae-steps", type=int, default=cvae_training.SMALL.settings.steps)
    parser.add_argument("--head-steps", type=int, default=head_training.SMALL.settings.steps)
    parser.add_argument("--variants", type=int, default=head_training.SMALL.variants)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    if chosen.labels is None:
        print("Not run: name a label folder with --labels; about an hour of training follows.")
        return
    plan = Plan(
        cvae=with_length(cvae_training.SMALL, chosen.cvae_steps, chosen.seed),
        head=with_length(
            replace(head_training.SMALL, variants=chosen.variants), chosen.head_steps, chosen.seed
        ),
        whole=with_length(training.SMALL, chosen.steps, chosen.seed),
    )
    with TemporaryDirectory() as folder:
        cache = chosen.cache or Path(folder) / "cache"
        try:
            require_fitting(chosen.start, plan.head.size)
            lesion_version()
            studies = open_labelled(chosen.labels, cache, ("train", "validation", "test"))
            compare(studies, cache, plan, chosen.start)
        except RefusedInput as refusal:
            sys.exit(refusal.sentence)


def with_length(schedule: Schedule, steps: int, seed: int) -> Schedule:
    """Return the schedule with the settings of `of_length`."""
    return replace(schedule, settings=of_length(schedule.settings, steps, seed))


def require_fitting(start: Path | None, size: InputSize) -> None:
    """Refuse weights that the proposed model can not begin with. Raises RefusedInput (``bad_weights``)."""
    if start is None:
        return
    given = autoencoder_configuration_of(start, read_header(start))
    if given.side != VARIANTS[PROPOSED].side:
        raise bad(start, "they were taught with other side information than the proposed model has")
    if given.size != size:
        raise bad(start, "they were taught on slices of another size")


def compare(
    studies: LabelledStudies, cache: Path, plan: Plan, start: Path | None = None,
    variants: Mapping[str, Variant] = VARIANTS,
) -> dict[str, Numbers]:  # fmt: skip
    """Train and measure every model, print a row for each; return their probabilities on the test part."""
    truth, choosing = _truth(studies, "test"), _truth(studies, "validation")
    print(f"{len(truth)} test studies, {int(truth.sum())} with COVID-19")
    columns = ("sensitivity", "specificity", "F1", "AUC", "Berenguer et al.: sens., spec., F1")
    print(_ROW.format("", *columns), flush=True)
    for volume in studies.classed("test"):
        lungs_of(volume, cache, "automatic")  # one without lungs is refused now, not after the trainings
    found = {}
    for name, variant in variants.items():
        say = partial(_say, name)
        if variant.pre_trained:
            begun = start if name == PROPOSED else None
            network = _headed(variant.side, studies, cache, plan, begun, say)
        else:
            whole = ICovidTask(studies, cache, replace(plan.whole, side=variant.side))
            network = _best(whole, {}, say)
        point = at_youden(choosing, _scores(network, _chosen_by(studies, variant.side, plan, cache)))
        found[name] = _scores(network, _as_in_use(studies, variant.side, plan, cache))
        _print_row(name, truth, found[name], 0.5 if point is None else point.threshold, variant)
    return found


def _headed(
    side: Side, studies: LabelledStudies, cache: Path, plan: Plan, start: Path | None,
    say: Callable[[str], None],
) -> nn.Module:  # fmt: skip
    """Train a head on the branches of ``start``, or of an autoencoder that is trained first."""
    task = HeadTask(studies, cache, replace(plan.head, side=side))
    torch.manual_seed(task.settings.seed)
    network = task.network()
    if start is not None:
        task.transfer(network, start)
    else:
        taught = _best(CVAETask(studies, cache, replace(plan.cvae, side=side)), {}, say).state_dict()
        branches = {name: value for name, value in taught.items() if name.startswith("encoder.")}
        network.load_state_dict({**network.state_dict(), **branches})
    say("features of all studies")
    task.started(network, taught=True)
    return _best(task, network.state_dict(), say)


def _best(
    task: CVAETask | HeadTask | ICovidTask, start: Mapping[str, Tensor], say: Callable[[str], None]
) -> nn.Module:
    """Train, from random weights where there are none to begin with, and return the best network."""
    with TemporaryDirectory() as out:
        return train(task, Path(out), task.settings, {}, start=start or None, progress_line=say).network


def _scores(network: nn.Module, images: Iterator[Tensor]) -> Numbers:
    device = next(network.parameters()).device
    with torch.inference_mode():
        found = [float(network(image.to(device)).float().softmax(dim=1)[0, COVID]) for image in images]
    return np.array(found)


def _chosen_by(studies: LabelledStudies, side: Side, plan: Plan, cache: Path) -> Iterator[Tensor]:
    """What the network sees of the studies of the validation part."""
    for volume in studies.classed("validation"):
        yield as_tensor(study_input(volume, plan.head.size, cache, in_use(side))[:2], side)


def _as_in_use(studies: LabelledStudies, side: Side, plan: Plan, cache: Path) -> Iterator[Tensor]:
    """What the network sees of the studies of the test part: lungs and lesions as they are found in use."""
    for volume in studies.classed("test"):
        lungs = lungs_of(volume, cache, "automatic")
        lesions: LabelArray | None = None if side == "none" else found_lesions(volume, lungs, cache)
        ct = CTVolume(volume.arrays[CT].whole(), volume.affine)
        yield as_tensor(network_input(ct, lungs, lesions, plan.head.size).image, side)


def _truth(studies: LabelledStudies, part: Split) -> Flags:
    return np.array([is_covid(volume) for volume in studies.classed(part)])


def _print_row(name: str, truth: Flags, scores: Numbers, point: float, variant: Variant) -> None:
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


def _say(name: str, line: str) -> None:
    print(f"{name}: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
