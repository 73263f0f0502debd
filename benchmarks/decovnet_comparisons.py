"""DeCoVNet beside its ablations and a classical method, as in Tables III and IV of Wang et al., TMI 2020.

    python -m benchmarks.decovnet_comparisons --labels DIR [--start FILE] [--backbone-steps N] [--steps N]
        [--variants N] [--seed N] [--cache DIR]

Every network is trained as ``train decovnet`` trains the one in use: a backbone taught by voxels, then the
head alone on its features, taught by the classes of the train part of a label folder. All heads take the
same steps from the same seed; the weights of the best validation are measured on the test part, which
decides nothing. ``--start`` gives the backbone: weights that ``train decovnet --network backbone`` made on
the same folder; without it one is taught here, in ``--backbone-steps``. All rows but one share it. "No lung
mask": the crop to the lungs goes with the mask, so the network sees the whole scan and a mask that is 1
everywhere; a backbone that has seen masks would be of no use there, so this row has one of its own, taught
here in ``--backbone-steps``. The forest reads the histogram of grey values inside the lungs. Lungs are those
of the label folder. ``--variants`` counts how often each training study is there: as it is, then moved and
degraded.

What is compared are heads, and inputs with and without lungs. What weak supervision alone reaches is not:
the paper learns everything from the class of whole scans, here voxels of phantoms teach the backbone. The
paper tells COVID-19 from healthy people on one scanner, here it is told from other pneumonia too, on scanners
not seen in training: the published figures stand beside ours to compare the order, not the values.
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

from benchmarks.lengths import of_length
from diagnosis.evaluation.cases import Numbers
from diagnosis.evaluation.delong import roc_area
from diagnosis.evaluation.operating import at_threshold
from diagnosis.evaluation.report_tables import number
from diagnosis.geometry import RefusedInput
from diagnosis.labels import Split
from diagnosis.systems.decovnet import backbone_training, head_training
from diagnosis.systems.decovnet.backbone_training import BackboneSchedule, BackboneTask
from diagnosis.systems.decovnet.head_training import HeadSchedule, HeadTask
from diagnosis.systems.decovnet.network import COVID, DeCoVNet, DeCoVNetFC, Head
from diagnosis.systems.decovnet.preprocessing import InputSize, as_tensor
from diagnosis.systems.decovnet.training_inputs import study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.training.kept import kept
from diagnosis.training.labelled import LabelledStudies, StoredArray, open_labelled, stored
from diagnosis.training.loop import train
from diagnosis.weights import load_weights

BINS, TREES = 32, 500
"""32 bins as published; of the forest the paper says only that its parameters were adjusted."""
_ROW = "{:<34}{:>12}  {:<25}{:>8}  {:<25}{:>8}"


class FCHeadTask(HeadTask):
    """DeCoVNet-FCClf: fully connected layers instead of the progressive classifier."""

    network_name = "DeCoVNet-FCClf (Wang et al., TMI 2020, Table VII)"

    def network(self) -> nn.Module:
        """Return a new network, its linear layers started as He et al. (2015) start convolutions: four layers
        from N(0, 0.01), as published, pass no gradient on."""
        network = DeCoVNetFC()
        for layer in network.classes:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        return network

    @property
    def grid(self) -> str:
        """The one first pool of this head."""
        return "fc"


@dataclass(frozen=True, slots=True)
class Variant:
    """One head and its input, and what the paper prints for it. ``lungs`` False: neither mask nor crop."""

    head: Head = "released"
    dropout: float = 0.5
    lungs: bool = True
    task: type[HeadTask] = HeadTask
    published_auc: str = "-"
    published_accuracy: str = "-"


VARIANTS: Mapping[str, Variant] = {
    "DeCoVNet, released head": Variant(),
    "DeCoVNet, paper head, dropout 0.5": Variant("paper", published_auc="0.959", published_accuracy="0.901"),
    "DeCoVNet, paper head, no dropout": Variant("paper", dropout=0.0, published_auc="0.924"),
    "DeCoVNet-FCClf": Variant(task=FCHeadTask, published_auc="0.893"),
    "DeCoVNet, no lung mask": Variant(lungs=False, published_accuracy="0.817"),
}
FOREST = Variant(published_accuracy="0.786")


@dataclass(frozen=True, slots=True)
class Shown:
    """Studies as networks see them, the folder of what is kept of them, and a backbone taught by them."""

    studies: LabelledStudies
    cache: Path
    backbone: Mapping[str, Tensor]


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
    parser.add_argument("--backbone-steps", type=int, default=backbone_training.SMALL.settings.steps)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--variants", type=int, choices=range(1, 17), default=2, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    if chosen.labels is None:
        print("Not run: name a label folder with --labels; about an hour of training follows.")
        return
    one, other = backbone_training.SMALL, head_training.SMALL
    first = replace(one, settings=of_length(one.settings, chosen.backbone_steps, chosen.seed))
    settings = of_length(other.settings, chosen.steps, chosen.seed)
    then = replace(other, settings=settings, variants=chosen.variants)
    with TemporaryDirectory() as folder:
        cache = chosen.cache or Path(folder) / "cache"
        try:
            backbone = None
            if chosen.start is not None:
                size, backbone = begun(chosen.start)
                first, then = replace(first, size=size), replace(then, size=size)
            studies = open_labelled(chosen.labels, cache, ("train", "validation", "test"))
            compare(studies, cache, first, then, backbone=backbone)
        except RefusedInput as refusal:
            sys.exit(refusal.sentence)


def begun(weights: Path) -> tuple[InputSize, Mapping[str, Tensor]]:
    """Return the input and the tensors of a taught backbone. Raises RefusedInput (code ``bad_weights``)."""
    network = DeCoVNet()
    header = load_weights(weights, network, BackboneTask.system)
    return InputSize(**header["config"]["input"]), network.backbone.state_dict()


def compare(
    studies: LabelledStudies, cache: Path, first: BackboneSchedule, then: HeadSchedule,
    variants: Mapping[str, Variant] = VARIANTS, backbone: Mapping[str, Tensor] | None = None,
) -> dict[str, Measured]:  # fmt: skip
    """Train and measure every variant and the forest, print a row for each and return what was measured.

    ``backbone`` None teaches one by ``first``, as is done in any case where no lungs are shown. Both
    schedules have one size. Raises RefusedInput: a part without studies of both sides or without outlines.
    """
    truth = np.array([is_covid(volume) for volume in studies.classed("test")])
    steps = then.settings.steps
    print(f"{len(truth)} test studies, {int(truth.sum())} with COVID-19; {steps} steps of every head")
    print(_ROW.format("", "parameters", "AUC", "paper", "accuracy at 0.5", "paper"), flush=True)
    shown = {} if backbone is None else {True: Shown(studies, cache, backbone)}
    found = {}
    for name, variant in variants.items():
        if variant.lungs not in shown:
            _progress(f"{name}: first the backbone")
            shown[variant.lungs] = taught(studies, cache, first, lungs=variant.lungs)
        _progress(f"{name}: features, then the head")
        found[name] = _measured(variant, shown[variant.lungs], then)
        _print_row(name, truth, found[name], variant)
    name = f"{BINS} bins hist. + random forest"
    found[name] = forest(studies, then, cache)
    _print_row(name, truth, found[name], FOREST)
    return found


def taught(studies: LabelledStudies, cache: Path, schedule: BackboneSchedule, *, lungs: bool) -> Shown:
    """Return the studies, as they are or without lungs, and a backbone taught by their voxels."""
    if not lungs:
        cache = cache / "whole-scans"
        cache.mkdir(exist_ok=True)
        studies = without_lungs(studies, cache)
    task = BackboneTask(studies, cache, schedule)
    with TemporaryDirectory() as out:
        network = train(task, Path(out), task.settings, {}, progress_line=_progress).network
    backbone = network.get_submodule("backbone").cpu()
    return Shown(studies, cache, backbone.state_dict())


def _measured(variant: Variant, shown: Shown, schedule: HeadSchedule) -> Measured:
    """Teach the head of a variant on the features of the backbone, and read the test part with both."""
    own = replace(schedule, head=variant.head, dropout=variant.dropout)
    network = _trained(variant.task(shown.studies, shown.cache, own), shown.backbone)
    device = next(network.parameters()).device
    with torch.inference_mode():
        scores = [
            float(network(as_tensor(image).to(device)).float().softmax(dim=1)[0, COVID])
            for image in _inputs(shown.studies, "test", schedule, shown.cache)
        ]
    return Measured(np.array(scores), sum(parameter.numel() for parameter in network.parameters()))


def _trained(task: HeadTask, backbone: Mapping[str, Tensor]) -> nn.Module:
    torch.manual_seed(task.settings.seed)
    network = task.network()
    network.get_submodule("backbone").load_state_dict(backbone)
    task.started(network, taught=True)
    with TemporaryDirectory() as out:
        return train(
            task, Path(out), task.settings, {}, start=network.state_dict(), progress_line=_progress
        ).network


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


def forest(studies: LabelledStudies, schedule: HeadSchedule, cache: Path) -> Measured:
    """Return the probabilities of a random forest on histograms of grey values inside the lungs."""
    classifier = RandomForestClassifier(
        TREES, class_weight="balanced", random_state=schedule.settings.seed
    )  # fmt: skip
    truth = [is_covid(volume) for volume in studies.classed("train")]
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
    studies: LabelledStudies, part: Split, schedule: HeadSchedule, cache: Path
) -> Iterator[NDArray[np.uint8]]:
    """The network's inputs of the studies with a class, uint8 ``[2, z, y, x]``."""
    for volume in studies.classed(part):
        yield study_input(volume, schedule.size, cache)[:2]


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
        ),
        flush=True,
    )  # fmt: skip


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
