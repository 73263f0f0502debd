"""``describe`` and the counting behind it: published numbers, hooks that do not stay, plain sentences."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from diagnosis.__main__ import main
from diagnosis.describing import Subject, described, observed

COUNTS = {
    ("lungs", "unet2d"): (839_506, 4.031),
    ("lungs", "deepmedic"): (2_143_067, 290.595),
    ("lungs", "deepmedic-original"): (657_842, 134.035),
    ("lobes", "unet"): (1_015_926, 6.103),
    ("lesions", "unet25d"): (922_074, 2.886),
    ("lesions", "unet3d"): (13_320_773, 357.729),
    ("decovnet", "released"): (346_978, 28.8725),
    ("decovnet", "paper"): (345_922, 30.025),
    ("decovnet", "fc"): (43_104_514, 25.809),
    ("icovid", "text"): (1_423_938, 3.557),
    ("icovid", "count"): (1_915_458, 3.562),
    ("icovid", "types"): (1_425_138, 4.3435),
    ("icovid", "one-branch"): (1_400_386, 1.785),
    ("icovid", "cvae"): (5_393_425, 3.985),
    ("multiscale", "joint"): (3_683_625, 3.831),
    ("multiscale", "conv3"): (434_979, 2.328),
    ("multiscale", "conv4"): (1_911_459, 3.483),
    ("multiscale", "conv5"): (3_682_467, 3.829),
    ("patchwise", "diseased"): (2_269_831, 13.475),
    ("patchwise", "covid"): (2_072_387, 12.315),
    ("patchwise", "narrow"): (1_679_751, 11.059),
}
"""Parameters and GMAC of one input, norms included: 368^2, 72^3, 72^3, the lobe grid, 256^2, 128^3 and 128
slices of 224 x 336. DeCoVNet's are the published 0.347 M and 28.87 G, 43.1 M and 25.81 G. Without norms (they
are folded in use): a slice of 224^2 for the multi-scale classifier. icovid: 10 slices of 256^2 give the
published 3.55 G."""


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["describe", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("system", "network"), COUNTS)
def test_networks_have_the_counts_written_down(
    system: str, network: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(shown(capsys, "--system", system, "--option", f"network={network}", "--json"))
    parameters, gmac = COUNTS[system, network]
    assert document["parameters"] == parameters
    assert document["macs"] / 1e9 == pytest.approx(gmac, abs=0.001)
    assert sum(layer["parameters"] for layer in document["layers"]) == parameters
    assert sum(layer["macs"] for layer in document["layers"]) == document["macs"]
    assert set(document["networks"]) == {other for owner, other in COUNTS if owner == system} - {network}


def test_the_paper_lesion_network_costs_170_thousand_operations_a_voxel(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = json.loads(shown(capsys, "--system", "lesions", "--option", "network=unet3d", "--json"))
    convolutions = sum(layer["macs"] for layer in document["layers"] if "Norm" not in layer["type"])
    assert convolutions / 128**3 == pytest.approx(170_300, abs=50)


def test_a_network_of_decovnet_may_be_named_by_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--system", "decovnet", "--option", "head=paper")
    assert "345,922 parameters, 30.025 GMAC" in text
    assert "network=released: DeCoVNet" in text


def test_the_table_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--system", "lungs")
    assert "enter.0" in text
    assert "1 x 16 x 368 x 368" in text
    assert "839,506 parameters, 4.031 GMAC" in text
    assert "network=deepmedic: DeepMedic-type network" in text


def test_without_a_system_every_one_with_a_network_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"lungs", "lobes", "lesions", "decovnet"} <= set(json.loads(shown(capsys, "--json")))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--system", "density"], "density has no network to describe: it measures density by fixed rules."),
        (["--system", "lungs", "--option", "network=vgg"], "lungs has no network vgg. It has: unet2d,"),
        (["--system", "lungs", "--option", "size=3"], "describe takes --option network=NAME, not size=3."),
        (["--option", "network=unet2d"], "--option needs --system."),
        (["--system", "nothing"], "There is no system nothing."),
    ],
)
def test_what_can_not_be_described_is_bad_usage(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["describe", *arguments]) == 2
    assert capsys.readouterr().err.startswith(sentence)


def test_counts_by_hand() -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 1, groups=2, bias=False), nn.Flatten(), nn.Linear(8 * 4 * 5, 3),
        )  # fmt: skip

    found = described(Subject(build, (1, 2, 8, 10), "by hand"))
    assert [layer.macs for layer in found.layers] == [
        4 * 80 * 2 * 9, 2 * 4 * 80, 0, 0, 8 * 20 * 2, 0, 160 * 3,
    ]  # fmt: skip
    assert [layer.parameters for layer in found.layers] == [4 * 18 + 4, 8, 0, 0, 16, 0, 483]
    assert found.layers[3].output_shape == (1, 4, 4, 5)


def test_a_layer_called_twice_works_twice_and_weighs_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 5)

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return self.layer(self.layer(given))

    found = described(Subject(Twice, (1, 5), "twice"))
    assert (found.parameters, found.macs) == (30, 50)
    assert sum(layer.parameters for layer in found.layers) == 30


def test_hooks_are_gone_afterwards_even_when_the_network_fails() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2))
    with pytest.raises(RuntimeError):
        observed(network, torch.zeros(1, 3))
    observed(network[:1], torch.zeros(1, 3))
    assert not any(module._forward_hooks for module in network.modules())
