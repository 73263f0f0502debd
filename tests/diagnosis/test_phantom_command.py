"""``python -m diagnosis phantom``: files as the contract says, and one sentence for what can not be made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from diagnosis.__main__ import main
from diagnosis.dicom.reader import read_folder
from diagnosis.labels import read_label_folder
from diagnosis.nifti import read_labels
from diagnosis.phantom.phantom import PhantomRequest, make_phantom
from diagnosis.phantom.scanners import SCANNERS

SIZE = ["--size", "16,64,72"]


def test_one_phantom_is_written_as_dicom_with_its_truth(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["phantom", "--seed", "7", "--class", "covid", "--severity", "0.7", "--day", "9"]
    assert main([*arguments, "--scanner", "ember-standard", *SIZE, "--out", str(out)]) == 0

    wanted = make_phantom(PhantomRequest(7, "covid", 0.7, 9.0, "ember-standard", (16, 64, 72)))
    assert {path.name for path in out.iterdir()} == {"dicom", "truth", "truth.json"}
    volume = read_folder(out / "dicom").volume
    np.testing.assert_array_equal(volume.hu, wanted.volume.hu)
    lungs, affine = read_labels(out / "truth" / "lungs.nii.gz")
    np.testing.assert_array_equal(lungs, wanted.lungs)
    np.testing.assert_allclose(affine, volume.affine, atol=1e-3)
    truth = json.loads((out / "truth.json").read_text())
    assert (truth["seed"], truth["class"], truth["day"], truth["scanner"]) == (
        7,
        "COVID-19",
        9.0,
        "ember-standard",
    )
    assert truth["infected_percent"] == wanted.truth.infected_percent > 0


def test_several_seeds_make_a_label_folder_of_all_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "labels"
    assert main(["phantom", "--seed", "30", "--count", "3", "--labels", str(folder), *SIZE]) == 0

    assert capsys.readouterr().err.splitlines() == ["0 of 3 phantoms", "3 of 3 phantoms"]
    read = read_label_folder(folder)
    assert [read.read(study).class_name for study in read.patients] == ["NP", "CAP", "COVID-19"]
    assert set(read.split) == {"phantom-30", "phantom-31", "phantom-32"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--class", "flu", "--out", "OUT"], "There is no class flu. Choose one of np, cap, covid."),
        (["--out", "OUT"], "Say which class"),
        (["--class", "np"], "Give --out DIR"),
        (["--class", "np", "--out", "OUT", "--labels", "OUT", "--count", "2"], "Give --out DIR"),
        (["--labels", "OUT"], "belong together"),
        (["--class", "np", "--out", "OUT", "--count", "2"], "belong together"),
        (["--labels", "OUT", "--count", "0"], "--count takes a number from 1"),
        (["--class", "covid", "--out", "OUT", "--severity", "-0.1"], "from 0 to 1, not -0.1"),
        (["--class", "covid", "--out", "OUT", "--severity", "nan"], "from 0 to 1, not nan"),
        (["--class", "covid", "--out", "OUT", "--day", "61"], "from 0 to 60, not 61"),
        (["--class", "covid", "--out", "OUT", "--size", "64,256"], "three numbers Z,Y,X"),
        (["--class", "covid", "--out", "OUT", "--size", "64,256,-256"], "three numbers Z,Y,X"),
        (["--class", "covid", "--out", "OUT", "--size", "64,256,4096"], "from 16 to 1024, not 4096"),
        (["--class", "covid", "--out", "OUT", "--seed", "-1"], "--seed takes a number from 0"),
    ],
)
def test_bad_usage_is_one_sentence_and_nothing_is_written(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(tmp_path / "out") if word == "OUT" else word for word in arguments]
    assert main(["phantom", "--seed", "1", *given]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_scanner_is_refused_with_the_names_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "phantom",
        "--seed",
        "1",
        "--class",
        "np",
        "--scanner",
        "tricorder",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in SCANNERS)
    assert said.count("\n") == 1


def test_a_folder_that_holds_something_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.txt").write_text("Dear colleague")
    for target in (["--class", "np", "--out"], ["--count", "1", "--labels"]):
        for place in (tmp_path, tmp_path / "letter.txt"):
            assert main(["phantom", "--seed", "1", *target, str(place)]) == 2
            assert "is not an empty folder" in capsys.readouterr().err
    assert (
        main(["phantom", "--seed", "1", "--class", "np", *SIZE, "--out", str(tmp_path / "letter.txt" / "x")])
        == 2
    )
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
