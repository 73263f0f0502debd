"""What icovid's autoencoder keeps of a slice, and how studies lie in its latent space.

    python -m benchmarks.icovid_latent --labels DIR --weights FILE --out DIR [--part test] [--cache DIR]

``FILE`` holds weights that ``train icovid --network cvae`` made. Writes ``reconstructions.png``: slices of
some studies and what the decoder makes of their latent means; and ``latent.png``: the mean of the latent
means of each study in the plane of their two largest principal components, once with the class told, as in
training, and once with every study called "not COVID-19". The first shows how far the label alone moves a
study, the second what the picture says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from diagnosis.evaluation.cases import Numbers
from diagnosis.geometry import RefusedInput
from diagnosis.labels import NOTICE
from diagnosis.systems.icovid.cvae import CVAE
from diagnosis.systems.icovid.preprocessing import InputSize, as_tensor
from diagnosis.systems.icovid.training_inputs import in_use, study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.training.labelled import LabelledVolume, open_labelled
from diagnosis.volume import FloatArray
from diagnosis.weight_files import read_header
from diagnosis.weights import load_weights

SHOWN = 6
"""Studies whose middle slice is drawn."""


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
        studies = open_labelled(chosen.labels, cache, [chosen.part]).part(chosen.part)
        draw(chosen.weights, [one for one in studies if one.class_name is not None], chosen.out, cache)
    except RefusedInput as refusal:
        sys.exit(refusal.sentence)


def draw(weights: Path, volumes: Sequence[LabelledVolume], out: Path, cache: Path) -> None:
    """Write ``reconstructions.png`` and ``latent.png`` of these studies. Raises RefusedInput."""
    header = read_header(weights)
    config = header["config"]
    size = InputSize(**config["input"])
    network = CVAE(config["side_information"], size.side, config["prior"]).eval()
    load_weights(weights, network, "icovid")
    told: list[Numbers] = []
    untold: list[Numbers] = []
    slices: list[tuple[FloatArray, FloatArray]] = []
    for volume in volumes:
        given = study_input(volume, size, cache, in_use())[:2]
        image = as_tensor(given, config["side_information"])
        told.append(latent(network, image, int(is_covid(volume))))
        untold.append(latent(network, image, 0))
        if len(slices) < SHOWN:
            middle = image[len(image) // 2][None]
            slices.append((middle[0, 0].numpy(), reconstruction(network, middle, int(is_covid(volume)))))
    title = f"icovid autoencoder {header['version']}. {NOTICE}"
    out.mkdir(parents=True, exist_ok=True)
    _draw_slices(slices, out / "reconstructions.png", title)
    names = [volume.class_name or "" for volume in volumes]
    _draw_planes(
        {"class told": np.array(told), "class not told": np.array(untold)}, names, out / "latent.png", title
    )


def latent(network: CVAE, image: torch.Tensor, label: int) -> Numbers:
    """Return the mean of the latent means of the slices of a study, ``[16]``."""
    with torch.inference_mode():
        means = network.encode(image, torch.full((len(image),), label)).mean
    return np.asarray(means.mean(dim=0).double().numpy())


def reconstruction(network: CVAE, image: torch.Tensor, label: int) -> FloatArray:
    """Return what the decoder makes of the latent means of one slice ``[1, channels, y, x]``, ``[y, x]``."""
    with torch.inference_mode():
        made = network.decode(network.encode(image, torch.tensor([label])).mean)
    return np.asarray(made[0, 0].float().numpy())


def plane(points: Numbers) -> Numbers:
    """Return points ``[n, k]`` in the plane of their two largest principal components, ``[n, 2]``."""
    centred = points - points.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    return np.asarray(centred @ axes.T)


def _draw_slices(slices: Sequence[tuple[FloatArray, FloatArray]], path: Path, title: str) -> None:
    figure = Figure(figsize=(2 * len(slices), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(2, len(slices), squeeze=False)
    for column, pair in enumerate(slices):
        for row, image in enumerate(pair):
            rows[row, column].imshow(image, cmap="gray", vmin=0, vmax=1)
            rows[row, column].set_axis_off()
    figure.suptitle(title, fontsize=8)
    figure.savefig(path, dpi=110)


def _draw_planes(groups: dict[str, Numbers], names: Sequence[str], path: Path, title: str) -> None:
    figure = Figure(figsize=(5 * len(groups), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (what, points) in zip(figure.subplots(1, len(groups)), groups.items(), strict=True):
        flat = plane(points)
        for name in sorted(set(names)):
            inside = np.array(names) == name
            axes.scatter(flat[inside, 0], flat[inside, 1], s=14, label=name)
        axes.set_title(what, fontsize=9)
        axes.legend(fontsize=7)
    figure.suptitle(title, fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
