"""What icovid's autoencoder keeps of a slice, and how studies lie in its latent space.

    python -m benchmarks.icovid_latent --labels DIR --weights FILE --out DIR [--part test] [--cache DIR]

``FILE`` holds weights that ``train icovid --network cvae`` made. Writes ``reconstructions.png``: the middle
slices of some studies of each class, what the network is told of their lesions, and what the decoder makes of
their latent means; and ``latent.png``: the mean of the latent means of each study in the plane of their two
largest principal components, once with the class told, as in training, and once with every study called "not
COVID-19". The first shows how far the label alone moves a study, the second what the picture says. Lungs are
those of the label folder, lesions are found as in use where the network for them is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from diagnosis.evaluation.cases import Numbers
from diagnosis.evaluation.predictions import COVID
from diagnosis.geometry import RefusedInput
from diagnosis.labels import NOTICE
from diagnosis.systems.icovid.configuration import autoencoder_configuration_of
from diagnosis.systems.icovid.cvae import CLASSES, CVAE, LATENT
from diagnosis.systems.icovid.preprocessing import as_tensor
from diagnosis.systems.icovid.training_inputs import in_use, study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.training.labelled import LabelledVolume, open_labelled
from diagnosis.volume import BoolArray, FloatArray
from diagnosis.weight_files import read_header
from diagnosis.weights import load_weights

SHOWN = 2
"""Studies of each class whose middle slice is drawn."""
_MARKS: Mapping[str, tuple[str, str]] = {
    COVID: ("tab:red", "o"), "CAP": ("tab:orange", "^"), "NP": ("tab:blue", "s"), "other": ("tab:gray", "D"),
}  # fmt: skip
"""Colour and shape of the points of each class."""
_ROWS = ("lungs, middle slice", "lesions given", "reconstruction")
_DPI = 110


@dataclass(frozen=True, slots=True)
class Seen:
    """One study: its class; latent means ``[2, 16]``, called "not COVID-19" and COVID-19; its middle slice as
    the network sees it, with and without lesions, and as the decoder gives it back, each ``[y, x]``."""

    class_name: str
    means: Numbers
    slice: FloatArray
    lesions: BoolArray
    made: FloatArray


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--out", type=Path, default=Path("latent"))
    parser.add_argument("--part", choices=("validation", "test"), default="validation")
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    if chosen.labels is None or chosen.weights is None:
        print("Not run: name a label folder with --labels and weights of the autoencoder with --weights.")
        return
    cache = chosen.cache or chosen.out / "cache"
    try:
        studies = open_labelled(chosen.labels, cache, [chosen.part]).classed(chosen.part)
        draw(chosen.weights, studies, chosen.out, cache)
    except RefusedInput as refusal:
        sys.exit(refusal.sentence)


def draw(weights: Path, volumes: Sequence[LabelledVolume], out: Path, cache: Path) -> None:
    """Write ``reconstructions.png`` and ``latent.png`` of these studies. Raises RefusedInput."""
    seen = list(_seen(weights, volumes, cache))
    title = f"icovid autoencoder {read_header(weights)['version']}. {NOTICE}"
    out.mkdir(parents=True, exist_ok=True)
    _draw_slices(_some_of_each(seen), out / "reconstructions.png", title)
    told = np.array([one.means[int(one.class_name == COVID)] for one in seen])
    untold = np.array([one.means[0] for one in seen])
    _draw_planes(
        {"class told, as in training": told, 'all called "not COVID-19"': untold},
        [one.class_name for one in seen], out / "latent.png", title,
    )  # fmt: skip


def _seen(weights: Path, volumes: Sequence[LabelledVolume], cache: Path) -> Iterator[Seen]:
    """Read studies one after the other."""
    given = autoencoder_configuration_of(weights, read_header(weights))
    network = CVAE(given.side, given.size.side, given.prior).eval()
    load_weights(weights, network, "icovid")
    for volume in volumes:
        shown = study_input(volume, given.size, cache, in_use(given.side))[:2]
        image, middle = as_tensor(shown, given.side), shown.shape[1] // 2
        means, made = read(network, image, int(is_covid(volume)), middle)
        yield Seen(volume.class_name or "", means, image[middle, 0].numpy(), shown[1, middle] > 0, made)


def read(network: CVAE, image: torch.Tensor, label: int, index: int) -> tuple[Numbers, FloatArray]:
    """Return the means of the latent means of the slices ``[n, channels, y, x]`` for either label,
    ``[2, 16]``, and what the decoder makes of those of one slice with this ``label``, ``[y, x]``."""
    with torch.inference_mode():
        features = network.encoder(image)
        means = torch.stack([
            network.gaussians(features, torch.full((len(image),), either)).mean for either in range(CLASSES)
        ])  # fmt: skip
        made = network.decode(means[label, index][None])
    return np.asarray(means.mean(dim=1).double().numpy()), np.asarray(made[0, 0].float().numpy())


def plane(points: Numbers) -> tuple[Numbers, Numbers]:
    """Return points ``[n, k]`` in the plane of their two largest principal components, ``[n, 2]``, and the
    part of the variance along each, ``[2]``."""
    centred = points - points.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(centred @ axes[:2].T), np.asarray(lengths[:2] ** 2 / (lengths**2).sum())


def _some_of_each(seen: Sequence[Seen]) -> list[Seen]:
    """The first studies of each class."""
    by_class: dict[str, list[Seen]] = {name: [] for name in _MARKS}
    for one in seen:
        by_class[one.class_name].append(one)
    return [one for of_class in by_class.values() for one in of_class[:SHOWN]]


def _draw_slices(seen: Sequence[Seen], path: Path, title: str) -> None:
    figure = Figure(figsize=(1.7 * len(seen) + 0.4, 5.7), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(3, len(seen), squeeze=False)
    for column, one in enumerate(seen):
        for axes, image in zip(rows[:, column], (one.slice, one.lesions, one.made), strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
        rows[0, column].set_title(one.class_name, fontsize=10)
    for axes, what in zip(rows[:, 0], _ROWS, strict=True):
        axes.set_ylabel(what, fontsize=9)
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=_DPI)


def _draw_planes(groups: Mapping[str, Numbers], names: Sequence[str], path: Path, title: str) -> None:
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (what, points) in zip(figure.subplots(1, len(groups)), groups.items(), strict=True):
        flat, parts = plane(points)
        for name, (colour, marker) in _MARKS.items():
            inside = np.array(names) == name
            if inside.any():
                label = f"{name} ({inside.sum()})"
                axes.scatter(
                    flat[inside, 0], flat[inside, 1], s=22, c=colour, marker=marker, alpha=0.8, label=label
                )
        axes.set(
            title=what, xlabel=f"1st principal component ({parts[0]:.0%} of variance)",
            ylabel=f"2nd ({parts[1]:.0%})",
        )  # fmt: skip
        axes.grid(alpha=0.3)
    axes.legend(fontsize=9)
    figure.suptitle(f"{LATENT} latent means, averaged over slices; a point per study. {title}", fontsize=9)
    figure.savefig(path, dpi=_DPI)


if __name__ == "__main__":
    main()
