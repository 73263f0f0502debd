"""NIfTI in any orientation in, RAS out, and hostile files refused within bounds."""

from __future__ import annotations

import gzip
import itertools
import random
from pathlib import Path

import nibabel
import numpy as np
import pytest

from diagnosis.geometry import RefusedInput
from diagnosis.nifti import is_nifti, read_ct, read_labels, write_ct, write_heatmap, write_labels
from tests.phantoms import RAS_FROM_LPS, ChestPhantom, chest_phantom, write_nifti

AXES = ["".join(codes) for codes in itertools.product("RL", "AP", "SI")] + ["SAR", "PIL", "ASL", "IRP"]


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom()


def stored(phantom: ChestPhantom, axes: str = "RAS") -> nibabel.Nifti1Image:
    image = nibabel.Nifti1Image(phantom.volume.hu.transpose(2, 1, 0), RAS_FROM_LPS @ phantom.volume.affine)
    now = nibabel.io_orientation(image.affine)
    return image.as_reoriented(
        nibabel.orientations.ornt_transform(now, nibabel.orientations.axcodes2ornt(axes))
    )


@pytest.mark.parametrize("axes", AXES)
def test_every_orientation_gives_the_same_volume(phantom: ChestPhantom, tmp_path: Path, axes: str) -> None:
    nibabel.save(stored(phantom, axes), tmp_path / "ct.nii")

    loaded = read_ct(tmp_path / "ct.nii")

    np.testing.assert_array_equal(loaded.volume.hu, phantom.volume.hu)
    np.testing.assert_allclose(loaded.volume.affine, phantom.volume.affine, atol=1e-4)
    assert loaded.report.grade == "full"
    assert loaded.report.spacing_mm == (4.0, 3.5, 3.5)
    assert loaded.report.source == "NIfTI"


def test_what_is_written_is_ras_and_reads_back_the_same(phantom: ChestPhantom, tmp_path: Path) -> None:
    write_ct(tmp_path / "ct.nii.gz", phantom.volume)
    write_labels(tmp_path / "lungs.nii.gz", phantom.lungs, phantom.volume.affine)

    loaded = read_ct(tmp_path / "ct.nii.gz")
    labels, affine = read_labels(tmp_path / "lungs.nii.gz")

    np.testing.assert_array_equal(loaded.volume.hu, phantom.volume.hu)
    np.testing.assert_array_equal(labels, phantom.lungs)
    np.testing.assert_allclose(affine, phantom.volume.affine)
    image = nibabel.load(tmp_path / "lungs.nii.gz")
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert image.get_data_dtype() == np.uint8
    assert image.header.get_xyzt_units()[0] == "mm"


def test_sides_can_be_told_in_the_written_file_by_its_own_affine(
    phantom: ChestPhantom, tmp_path: Path
) -> None:
    write_labels(tmp_path / "lungs.nii.gz", phantom.lungs, phantom.volume.affine)
    image = nibabel.load(tmp_path / "lungs.nii.gz")

    data = np.asarray(image.dataobj)
    right, left = (
        nibabel.affines.apply_affine(image.affine, np.argwhere(data == value)).mean(0) for value in (1, 2)
    )

    assert right[0] > left[0]  # RAS: x grows to the right
    assert right[2] > left[2]  # the left lung of the phantom reaches lower


def test_heatmaps_keep_raw_values_on_their_own_grid(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    affine = np.diag([10.0, 11, 12, 1])

    write_heatmap(tmp_path / "heatmap.nii.gz", values, affine)

    image = nibabel.load(tmp_path / "heatmap.nii.gz")
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.asarray(image.dataobj)[::-1, ::-1].transpose(2, 1, 0), values)
    np.testing.assert_allclose(image.affine @ [4, 3, 0, 1], [0, 0, 0, 1])


def test_slope_and_intercept_are_applied_and_rounded(phantom: ChestPhantom, tmp_path: Path) -> None:
    image = stored(phantom)
    image.header.set_data_dtype(np.float32)
    image.header.set_slope_inter(1, 0)
    quarter = nibabel.Nifti1Image((np.asarray(image.dataobj) * 4).astype(np.int16), image.affine)
    quarter.header.set_slope_inter(0.25, -0.4)
    nibabel.save(quarter, tmp_path / "ct.nii.gz")

    np.testing.assert_array_equal(read_ct(tmp_path / "ct.nii.gz").volume.hu, phantom.volume.hu)


def test_values_that_are_no_numbers_become_air_and_are_reported(
    phantom: ChestPhantom, tmp_path: Path
) -> None:
    image = stored(phantom)
    data = np.asarray(image.dataobj).astype(np.float32)
    data[:3] = np.nan
    nibabel.save(nibabel.Nifti1Image(data, image.affine), tmp_path / "ct.nii.gz")

    loaded = read_ct(tmp_path / "ct.nii.gz")

    assert (loaded.volume.hu[:, :, -3:] == -1024).all()
    assert [reason.code for reason in loaded.report.reasons] == ["not_numbers"]


def test_qform_is_used_where_there_is_no_sform_and_units_count(phantom: ChestPhantom, tmp_path: Path) -> None:
    image = stored(phantom)
    image.set_qform(np.diag([1e-3, 1e-3, 1e-3, 1]) @ image.affine, 1)
    image.set_sform(None, 0)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "ct.nii")

    np.testing.assert_allclose(read_ct(tmp_path / "ct.nii").volume.affine, phantom.volume.affine, atol=1e-3)


def test_a_file_without_geometry_is_refused(phantom: ChestPhantom, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(phantom.volume.hu, None)
    nibabel.save(image, tmp_path / "ct.nii")

    with pytest.raises(RefusedInput) as refused:
        read_ct(tmp_path / "ct.nii")

    assert refused.value.code == "no_geometry"
    assert "does not say where the volume lies" in refused.value.sentence


@pytest.mark.parametrize(
    ("shape", "dtype", "code"),
    [
        ((4, 5, 6, 2), np.int16, "not_a_volume"),
        ((4, 5), np.int16, "not_a_volume"),
        ((4, 5, 6), np.complex64, "not_hounsfield"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, shape: tuple[int, ...], dtype: type, code: str) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, dtype), np.eye(4)), tmp_path / "ct.nii")

    with pytest.raises(RefusedInput) as refused:
        read_ct(tmp_path / "ct.nii")
    assert refused.value.code == code


def test_a_fourth_dimension_of_one_is_no_dimension(phantom: ChestPhantom, tmp_path: Path) -> None:
    image = stored(phantom)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj)[..., None], image.affine), tmp_path / "ct.nii")

    assert read_ct(tmp_path / "ct.nii").volume.shape == phantom.volume.shape


def test_an_oblique_volume_is_refused_in_degrees(phantom: ChestPhantom, tmp_path: Path) -> None:
    angle = np.radians(10)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    image = stored(phantom)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), turn @ image.affine), tmp_path / "ct.nii")

    with pytest.raises(RefusedInput, match="tilted by 10 degrees"):
        read_ct(tmp_path / "ct.nii")


def test_content_decides_what_is_a_nifti_file(phantom: ChestPhantom, tmp_path: Path) -> None:
    blob = tmp_path / "0a1b2c"
    blob.write_bytes(write_nifti(phantom.volume, tmp_path / "ct.nii.gz").read_bytes())
    text = tmp_path / "fake.nii.gz"
    text.write_bytes(gzip.compress(b"hello" * 200))

    assert is_nifti(blob)
    assert read_ct(blob).volume.shape == phantom.volume.shape
    assert not is_nifti(text)
    for content in (b"", b"hello", b"\x1f\x8b", text.read_bytes()):
        text.write_bytes(content)
        with pytest.raises(RefusedInput):
            read_ct(text)


def test_a_header_that_claims_too_much_is_refused_before_reading(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((32000, 32000, 32000))
    header["magic"], header["vox_offset"], header["sform_code"] = b"n+1", 352, 1
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4)))

    with pytest.raises(RefusedInput) as refused:
        read_ct(path)
    assert refused.value.code == "too_large"


def test_an_extension_that_claims_too_much_is_refused_before_reading(
    phantom: ChestPhantom, tmp_path: Path
) -> None:
    content = bytearray(write_nifti(phantom.volume, tmp_path / "ct.nii").read_bytes())
    content[108:112] = np.array([1e9], "<f4").tobytes()  # vox_offset
    path = tmp_path / "bomb.nii"
    path.write_bytes(content)

    with pytest.raises(RefusedInput):
        read_ct(path)


def test_a_truncated_file_is_refused_in_words(phantom: ChestPhantom, tmp_path: Path) -> None:
    path = write_nifti(phantom.volume, tmp_path / "ct.nii.gz")
    path.write_bytes(path.read_bytes()[:-5000])

    with pytest.raises(RefusedInput, match="cut short"):
        read_ct(path)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_mutants_are_read_or_refused(tmp_path: Path, name: str) -> None:
    small = chest_phantom(slices=12, size=24).volume
    content = write_nifti(small, tmp_path / name).read_bytes()
    rng = random.Random(name)
    path = tmp_path / "mutant"
    refused = 0
    for _ in range(200):
        data = bytearray(content)
        for _ in range(rng.choice((1, 3, 10))):
            data[rng.randrange(400)] = rng.randrange(256)
        path.write_bytes(data[: rng.choice((len(data), len(data), rng.randrange(len(data))))])
        try:
            read_ct(path)
        except RefusedInput:
            refused += 1
    assert 50 < refused <= 200


def test_labels_must_be_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "labels.nii"
    for value in (0.5, -1, 256, np.nan):
        nibabel.save(nibabel.Nifti1Image(np.full((3, 4, 5), value, np.float32), np.eye(4)), path)
        with pytest.raises(RefusedInput, match="no labels"):
            read_labels(path)


@pytest.mark.sample_data
def test_real_volumes_and_masks_are_read_upright(sample_data: Path) -> None:
    for name in ("id001", "id002"):
        volume = read_ct(sample_data / "lung-masks" / f"{name}-128x128x64.nii.gz").volume
        mask_volume = read_ct(sample_data / "lung-masks" / f"{name}-128x128x64-msk.nii.gz").volume
        mask = mask_volume.hu > 127

        np.testing.assert_allclose(mask_volume.affine, volume.affine)
        assert volume.shape == (64, 128, 128)
        assert np.median(volume.hu[mask]) < -600
        bone = np.argwhere(volume.hu > 300)[:, 1].mean()
        assert bone > np.argwhere(mask)[:, 1].mean()  # the spine lies behind
