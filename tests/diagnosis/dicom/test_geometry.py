"""The geometry report: which series may be measured, and the reasons in words."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from diagnosis.dicom.reader import read_series
from diagnosis.geometry import GeometryReport, UnusableSeries
from tests.phantoms import ChestPhantom, chest_phantom, write_dicom_series


def refused_report(paths: list[Path]) -> GeometryReport:
    with pytest.raises(UnusableSeries) as refused:
        read_series(paths)
    assert refused.value.report.grade == "unusable"
    return refused.value.report


def codes(report: GeometryReport) -> list[str]:
    return [reason.code for reason in report.reasons]


def test_a_good_series_has_no_reasons_and_no_patient_identity(phantom: ChestPhantom, tmp_path: Path) -> None:
    report = read_series(write_dicom_series(phantom.volume, tmp_path)).report

    content = report.as_json()
    assert content["grade"] == "full"
    assert content["reasons"] == []
    assert content["slices"] == 56
    assert content["thickness_mm"] == 4
    assert content["kernel"] == "STANDARD"
    text = json.dumps(content, allow_nan=False)
    assert "PHANTOM-1" not in text
    assert "Phantom^Box" not in text


def test_missing_slices_are_named_by_place(phantom: ChestPhantom, tmp_path: Path) -> None:
    report = read_series(write_dicom_series(phantom.volume, tmp_path, drop=[20, 21])).report

    assert report.grade == "limited"
    assert codes(report) == ["missing_slices"]
    assert report.reasons[0].sentence.startswith("2 slices are missing between -874 and -862 mm.")
    assert report.missing_mm == pytest.approx((-950 + 80, -950 + 84))
    assert report.slices == 54


@pytest.mark.parametrize("drop", [[20, 21, 22, 23], [5, 15, 25, 35, 45]])
def test_too_many_missing_slices_are_unusable_but_give_a_volume(
    phantom: ChestPhantom, tmp_path: Path, drop: list[int]
) -> None:
    loaded = read_series(write_dicom_series(phantom.volume, tmp_path, drop=drop))

    assert loaded.report.grade == "unusable"
    assert len(loaded.report.missing_mm) == len(drop)
    assert loaded.volume.shape == phantom.volume.shape


def test_one_slice_is_no_volume(phantom: ChestPhantom, tmp_path: Path) -> None:
    report = refused_report(write_dicom_series(phantom.volume, tmp_path, drop=range(1, 56)))

    assert report.reasons[0].sentence == "Only 1 slice. A volume needs at least 10 places."


def test_few_slices_are_counted(phantom: ChestPhantom, tmp_path: Path) -> None:
    report = read_series(write_dicom_series(phantom.volume, tmp_path, drop=range(8, 56))).report

    assert report.grade == "unusable"
    assert report.reasons[0].sentence == "Only 8 slices. At least 10 are needed."


def test_slices_at_one_place_are_no_volume(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path, extra={"ImagePositionPatient": [0, 0, 0]})

    assert refused_report(paths).reasons[0].sentence.startswith("All 56 slices lie at the same place.")


@pytest.mark.parametrize("tilt", [{"oblique_degrees": 12}, {"gantry_tilt_degrees": -12}])
def test_a_large_tilt_is_refused_in_degrees(
    phantom: ChestPhantom, tmp_path: Path, tilt: dict[str, Any]
) -> None:
    report = refused_report(write_dicom_series(phantom.volume, tmp_path, **tilt))

    assert codes(report) == ["tilted"]
    assert "tilted by 12 degrees" in report.reasons[0].sentence
    assert report.oblique_degrees == pytest.approx(12, abs=0.01)


def test_a_repeated_slice_is_reported_and_the_first_taken(phantom: ChestPhantom, tmp_path: Path) -> None:
    uid = "1.2.3"
    paths = write_dicom_series(phantom.volume, tmp_path / "a", series_uid=uid)
    again = write_dicom_series(phantom.volume, tmp_path / "b", series_uid=uid, drop=range(1, 56))

    loaded = read_series([*paths, *again])

    assert (loaded.report.grade, codes(loaded.report)) == ("limited", ["duplicate_slices"])
    assert loaded.report.duplicates == 1
    assert loaded.volume.shape == phantom.volume.shape


def test_two_acquisitions_at_the_same_places_are_unusable(phantom: ChestPhantom, tmp_path: Path) -> None:
    first = write_dicom_series(phantom.volume, tmp_path / "a", series_uid="1.2.3")
    second = write_dicom_series(phantom.volume, tmp_path / "b", series_uid="1.2.3")

    report = read_series([*first, *second]).report

    assert (report.grade, report.duplicates) == ("unusable", 56)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"series_uid": "1.2.4"}, "mixed_series"),
        ({"patient_id": "PHANTOM-2"}, "mixed_patients"),
        ({"orientation": "coronal"}, "mixed_orientation"),
        ({"extra": {"ConvolutionKernel": "LUNG"}}, "mixed_kernels"),
        ({"extra": {"PixelSpacing": [1, 1]}}, "mixed_spacing"),
    ],
)
def test_mixed_slices_are_refused(
    phantom: ChestPhantom, tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    first = write_dicom_series(phantom.volume, tmp_path / "a", series_uid="1.2.3")
    second = write_dicom_series(phantom.volume, tmp_path / "b", **{"series_uid": "1.2.3", **change})

    report = refused_report([*first, *second[:10]])

    assert code in codes(report)
    assert "mixed. Send each series by itself." in report.reasons[0].sentence


def test_uneven_spacing_is_refused_with_its_range(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path / "a", drop=range(28, 56), series_uid="1.2.3")
    shifted = chest_phantom()
    shifted.volume.affine[2, 3] += 1.4
    paths += write_dicom_series(shifted.volume, tmp_path / "b", drop=range(28), series_uid="1.2.3")

    report = refused_report(paths)

    assert codes(report) == ["uneven_spacing"]
    assert "neighbours lie 4.00 to 5.40 mm apart" in report.reasons[0].sentence


def test_thick_and_gapped_slices_limit_the_measurement(tmp_path: Path) -> None:
    volume = chest_phantom(slices=28).volume

    report = read_series(write_dicom_series(volume, tmp_path, extra={"SliceThickness": 1})).report

    assert (report.grade, codes(report)) == ("limited", ["thick_slices", "gaps"])
    assert report.reasons[0].sentence == "The slices lie 8.0 mm apart: volumes are rough above 5 mm."


def test_a_part_of_the_chest_is_called_that(phantom: ChestPhantom, tmp_path: Path) -> None:
    report = read_series(write_dicom_series(phantom.volume, tmp_path, drop=range(20, 56))).report

    assert (report.grade, codes(report)) == ("limited", ["short"])


def test_absent_rescale_values_are_reported(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(
        phantom.volume, tmp_path, intercept=0, extra={"RescaleSlope": None, "RescaleIntercept": None}
    )

    loaded = read_series(paths)

    assert (loaded.report.grade, codes(loaded.report)) == ("limited", ["no_rescale"])
    assert (loaded.volume.hu == phantom.volume.hu).all()


def test_other_units_are_unusable(phantom: ChestPhantom, tmp_path: Path) -> None:
    report = read_series(write_dicom_series(phantom.volume, tmp_path, extra={"RescaleType": "MGML"})).report

    assert report.grade == "unusable"
    assert report.reasons[0].sentence == "The values are in MGML, not in Hounsfield units."


def test_former_lossy_compression_is_reported(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path, extra={"LossyImageCompression": "01"})

    assert codes(read_series(paths).report) == ["lossy_compression"]


def test_a_refusal_survives_the_way_back_from_a_child_process(phantom: ChestPhantom, tmp_path: Path) -> None:
    with pytest.raises(UnusableSeries) as refused:
        read_series(write_dicom_series(phantom.volume, tmp_path, oblique_degrees=12))

    rebuilt = copy.copy(refused.value)  # by __reduce__, as between processes

    assert rebuilt.report == refused.value.report
    assert rebuilt.sentence == refused.value.sentence
