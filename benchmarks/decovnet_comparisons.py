"""DeCoVNet beside its ablations and a classical method, as in Tables III and IV of Wang et al., TMI 2020.

    python -m benchmarks.decovnet_comparisons --labels DIR [--start FILE] [--steps N] [--seed N] [--cache DIR]

Every network is trained as a whole for the same few steps from the same seed on the train part of a label
folder; the weights of its best validation are measured on the test part, which decides nothing. With
``--start``, weights that ``train decovnet --network backbone`` made, all begin with that backbone and its
input; without, from random weights, which need far more steps to learn anything. Lungs are those of the
label folder. "No lung mask": the crop to the lungs goes with the mask, so the network sees the whole scan
and a mask that is 1 everywhere. The forest reads the histogram of grey values inside the lungs.

The paper tells COVID-19 from healthy people on one scanner: its figures stand beside ours to compare the
order, not the values. Few steps show what learns fastest, not what is best in the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor, nn

from diagnosis.evaluation.cases import Numbers
from diagnosis.evaluation.delong import roc_area
from diagnosis.evaluation.operating import at_threshold
from diagnosis.evaluation.report_tables import number
from diagnosis.geometry import RefusedInput
from diagnosis.inference import device_of_choice
from diagnosis.labels import Split
from diagnosis.systems.decovnet.network import COVID, DeCoVNet, DeCoVNetFC, Head
from diagnosis.systems.decovnet.preprocessing import InputSize, as_tensor
from diagnosis.systems.decovnet.training import SMALL, DeCoVNetSchedule, DeCoVNetTask
from diagnosis.systems.decovnet.training_inputs import study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.training.kept import kept
from diagnosis.training.labelled import LabelledStudies, LabelledVolume, StoredArray, open_labelled, stored
from diagnosis.training.loop import train
from diagnosis.weight_files import read_header
from diagnosis.weights import load_weights

STEPS = 600
BINS, TREES = 32, 500
"""32 bins as published; of the forest the paper says only that its parameters were adjusted."""
_ROW = "{:<34}{:>12}  {:<25}{:>8}  {:<25}{:>8}"


class FCTask(DeCoVNetTask):
    """DeCoVNet-FCClf: fully connected layers instead of the progressive classifier."""

    network_name = "DeCoVNet-FCClf (Wang et al., TMI 2020, Table VII)"

    def network(self) -> nn.Module:
        """Return a new network."""
        return DeCoVNetFC()


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to train, and what the paper prints for it. ``lungs`` False: neither mask nor crop."""

    head: Head = "released"
    dropout: float | None = None
    lungs: bool = True
    task: type[DeCoVNetTask] = DeCoVNetTask
    published_auc: str = "-"
    published_accuracy: str = "-"


VARIANTS: Mapping[str, Variant] = {
    "DeCoVNet, released head": Variant(),
    "DeCoVNet, paper head, dropout 0.5": Variant("paper", published_auc="0.959", published_accuracy="0.901"),
    "DeCoVNet, paper head, no dropout": Variant("paper", dropout=0.0, published_auc="0.924"),
    "DeCoVNet, no lung mask": Variant(lungs=False, published_accuracy="0.817"),
    "DeCoVNet-FCClf": Variant(task=FCTask, published_auc="0.893"),
}
FOREST = Variant(published_accuracy="0.786")


@dataclass(frozen=True, slots=True)
class Measured:
    """Probabilities of the test studies, and the size of what gave them (None: no network)."""

    scores: Numbers
    parameters: int | None


def main() -> None:
    """Print one row per variant."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    if chosen.labels is None:
        print("Not run: name a label folder with --labels; minutes to hours of training follow.")
        return
    with TemporaryDirectory() as folder:
        cache = chosen.cache or Path(folder) / "cache"
        try:
            studies = open_labelled(chosen.labels, cache, ("train", "validation", "test"))
            schedule, backbone = (SMALL, {}) if chosen.start is None else begun(chosen.start, SMALL)
            compare(studies, cache, shortened(schedule, chosen.steps, chosen.seed), backbone=backbone)
        except RefusedInput as refusal:
            sys.exit(refusal.sentence)


def begun(weights: Path, schedule: DeCoVNetSchedule) -> tuple[DeCoVNetSchedule, Mapping[str, Tensor]]:
    """Return the schedule with the input of a taught backbone, and the tensors of that backbone."""
    config = read_header(weights)["config"]
    network = DeCoVNet(shrink=config["shrink"])
    load_weights(weights, network, DeCoVNetTask.system)
    backbone = {name: value for name, value in network.state_dict().items() if name.startswith("backbone.")}
    return replace(schedule, size=InputSize(**config["input"]), shrink=config["shrink"]), backbone


def shortened(schedule: DeCoVNetSchedule, steps: int, seed: int) -> DeCoVNetSchedule:
    """Return the schedule with another length, validated five times on the way."""
    settings = replace(
        schedule.settings, steps=steps, seed=seed, warm_up=min(schedule.settings.warm_up, steps // 10),
        validate_every=max(1, steps // 5), checkpoint_every=steps, device=str(device_of_choice()),
    )  # fmt: skip
    return replace(schedule, settings=settings)


def compare(
    studies: LabelledStudies, cache: Path, schedule: DeCoVNetSchedule,
    variants: Mapping[str, Variant] = VARIANTS, backbone: Mapping[str, Tensor] | None = None,
) -> dict[str, Measured]:  # fmt: skip
    """Train and measure every variant and the forest, print a row for each and return what was measured."""
    truth = np.array([is_covid(volume) for volume in _classed(studies, "test")])
    print(f"{len(truth)} test studies, {int(truth.sum())} with COVID-19; {schedule.settings.steps} steps")
    print(_ROW.format("", "parameters", "AUC", "paper", "accuracy at 0.5", "paper"))
    found = {}
    for name, variant in variants.items():
        found[name] = _trained(variant, studies, cache, schedule, backbone or {})
        _print_row(name, truth, found[name], variant)
    name = f"{BINS} bins hist. + random forest"
    found[name] = forest(studies, schedule, cache)
    _print_row(name, truth, found[name], FOREST)
    return found


def _trained(
    variant: Variant, studies: LabelledStudies, cache: Path, schedule: DeCoVNetSchedule,
    backbone: Mapping[str, Tensor],
) -> Measured:  # fmt: skip
    seen = studies if variant.lungs else without_lungs(studies, cache)
    task = variant.task(seen, cache, replace(schedule, head=variant.head, dropout=variant.dropout))
    torch.manual_seed(schedule.settings.seed)
    start = {**task.network().state_dict(), **backbone}
    with TemporaryDirectory() as out:
        network = train(task, Path(out), task.settings, {}, start=start).network
    device = next(network.parameters()).device
    with torch.inference_mode():
        scores = [
            float(network(as_tensor(shown).to(device)).float().softmax(dim=1)[0, COVID])
            for shown in _inputs(seen, "test", schedule, cache)
        ]
    return Measured(np.array(scores), sum(parameter.numel() for parameter in network.parameters()))


def without_lungs(studies: LabelledStudies, cache: Path) -> LabelledStudies:
    """Return the studies with lungs that are the whole scan: nothing is cropped, nothing stands out."""
    parts = {
        part: tuple(
            replace(volume, arrays={**volume.arrays, "lungs": _everything(volume.shape, cache)})
            for volume in volumes
        )
        for part, volumes in studies.parts.items()
    }
    return replace(studies, parts=parts)


def _everything(shape: tuple[int, int, int], cache: Path) -> StoredArray:
    path = cache / f"everything-{'x'.join(map(str, shape))}.npy"
    kept(path, lambda: np.ones(shape, np.uint8))
    return stored(path)


def forest(studies: LabelledStudies, schedule: DeCoVNetSchedule, cache: Path) -> Measured:
    """Return the probabilities of a random forest on histograms of grey values inside the lungs."""
    classifier = RandomForestClassifier(
        TREES, class_weight="balanced", random_state=schedule.settings.seed
    )  # fmt: skip
    truth = [is_covid(volume) for volume in _classed(studies, "train")]
    classifier.fit(_histograms(_inputs(studies, "train", schedule, cache)), truth)
    found = classifier.predict_proba(_histograms(_inputs(studies, "test", schedule, cache)))
    return Measured(found[:, 1], None)


def _histograms(inputs: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Shares of the lung's voxels in equal bins of the grey values 0..255, ``[study, bin]``."""
    rows = []
    for grey, mask in inputs:
        counts = np.histogram(grey[mask > 0], BINS, (0, 256))[0]
        rows.append(counts / max(1, counts.sum()))
    return np.array(rows)


def _inputs(
    studies: LabelledStudies, part: Split, schedule: DeCoVNetSchedule, cache: Path
) -> Iterator[NDArray[np.uint8]]:
    """The network's inputs of the studies with a class, uint8 ``[2, z, y, x]``."""
    for volume in _classed(studies, part):
        yield study_input(volume, schedule.size, cache)[:2]


def _classed(studies: LabelledStudies, part: Split) -> list[LabelledVolume]:
    return [volume for volume in studies.part(part) if volume.class_name is not None]


def _print_row(name: str, truth: NDArray[np.bool_], measured: Measured, variant: Variant) -> None:
    area = roc_area(truth, measured.scores)
    accuracy = at_threshold(truth, measured.scores, 0.5).rates.accuracy
    parameters = "-" if measured.parameters is None else f"{measured.parameters:,}"
    print(
        _ROW.format(
            name, parameters, "-" if area is None else number(area.value, area.interval),
            variant.published_auc,
            "-" if accuracy is None else number(accuracy.value, accuracy.interval),
            variant.published_accuracy,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
