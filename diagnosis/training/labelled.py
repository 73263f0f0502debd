"""Labelled volumes for training: decoded once into plain arrays on disk, read slice by slice from there.

A gzipped NIfTI volume takes a tenth of a second to open, a training step a few hundredths. So each file of
a label folder is verified and decoded once into ``CACHE/SHA-256.npy``; a slice is then one read of a few
hundred kilobytes, without open file handles, whatever the number of studies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diagnosis.geometry import RefusedInput
from diagnosis.labels import LabelFolder, Split, read_label_folder
from diagnosis.nifti import read_ct, read_labels
from diagnosis.volume import Affine, HounsfieldArray, LabelArray, spacing_of

CT = "ct"
COUNTED_VALUES = 16
"""Label values 0..15 are counted per slice: lesion values end at 13, lobes at 5."""
_DECODERS = 2
"""Files decoded at a time: zlib releases the interpreter, and two volumes in memory are little."""
_SUFFIX = ".nii.gz"


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One array ``[z, y, x]`` in a ``.npy`` file, read in parts."""

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int

    def slices(self, start: int, stop: int) -> NDArray[Any]:
        """Return slices ``start`` to ``stop`` (exclusive) as ``[n, y, x]``. Raises IndexError outside."""
        depth, height, width = self.shape
        if not 0 <= start < stop <= depth:
            raise IndexError(f"slices {start} to {stop} of {depth}")
        size = height * width
        offset = self.offset + start * size * self.dtype.itemsize
        values = np.fromfile(self.path, self.dtype, (stop - start) * size, offset=offset)
        return values.reshape(stop - start, height, width)

    def whole(self) -> NDArray[Any]:
        """Return the whole array."""
        return self.slices(0, self.shape[0])


@dataclass(frozen=True, slots=True)
class LabelledVolume:
    """One study of a label folder, its arrays on disk.

    ``arrays`` holds ``ct`` and what the study teaches, named as the files are: ``outline``, ``look`` (and
    ``look-2`` ...), ``not_look``, ``ignore``, ``lungs``, ``lobes``, ``vessels``. ``counts`` holds, for each
    label array, how many voxels of each value 0..15 every slice has, ``[z, 16]``.
    """

    study: str
    class_name: str | None
    provenance: Mapping[str, Any]
    affine: Affine
    arrays: Mapping[str, StoredArray]
    counts: Mapping[str, NDArray[np.int32]]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        return self.arrays[CT].shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel spacing along z, y, x in mm."""
        return spacing_of(self.affine)

    def has(self, *names: str) -> bool:
        """Say whether the study teaches all of these."""
        return all(name in self.arrays for name in names)

    def hu(self, start: int, stop: int) -> HounsfieldArray:
        """Return slices of the CT as int16 HU ``[n, y, x]``."""
        return self.arrays[CT].slices(start, stop)

    def labels(self, name: str, start: int, stop: int) -> LabelArray:
        """Return slices of a label array as uint8 ``[n, y, x]``; zeros where the study has none."""
        if name in self.arrays:
            return self.arrays[name].slices(start, stop)
        return np.zeros((stop - start, *self.shape[1:]), np.uint8)

    def slices_with(self, name: str, values: Sequence[int], at_least: int = 1) -> NDArray[np.intp]:
        """Return the slices in which these label values together cover ``at_least`` voxels."""
        if name not in self.counts:
            return np.zeros(0, np.intp)
        return np.flatnonzero(self.counts[name][:, list(values)].sum(axis=1) >= at_least)


@dataclass(frozen=True, slots=True)
class LabelledStudies:
    """A label folder opened for training."""

    label_set: str
    """The hash of everything in the folder."""
    parts: Mapping[Split, tuple[LabelledVolume, ...]]

    def part(self, split: Split) -> tuple[LabelledVolume, ...]:
        """Return the studies of one part. Raises RefusedInput (code no_studies) when there is none."""
        if not self.parts[split]:
            raise RefusedInput("no_studies", f"This label folder has no studies in its {split} part.")
        return self.parts[split]

    def classed(self, split: Split) -> list[LabelledVolume]:
        """Return the studies of one part whose class is known. Raises RefusedInput as `part` does."""
        return [volume for volume in self.part(split) if volume.class_name is not None]


def open_labelled(
    folder: Path, cache: Path, parts: Sequence[Split] = ("train", "validation")
) -> LabelledStudies:
    """Verify a label folder, decode what is not in ``cache`` yet and return its studies.

    Every file's hash is compared with the manifest each time. Raises RefusedInput when the folder is no
    label folder or a file is missing or was changed.
    """
    labels = read_label_folder(folder)
    cache.mkdir(parents=True, exist_ok=True)
    opened: dict[Split, tuple[LabelledVolume, ...]] = {"train": (), "validation": (), "test": ()}
    with ThreadPoolExecutor(_DECODERS) as pool:
        for part in parts:
            studies = labels.studies(part)
            opened[part] = tuple(pool.map(partial(_open_study, labels, cache), studies))
    return LabelledStudies(labels.label_set, opened)


def stored(path: Path) -> StoredArray:
    """Return the array ``[z, y, x]`` of a ``.npy`` file in C order without reading it."""
    array = np.load(path, mmap_mode="r")
    depth, height, width = array.shape
    return StoredArray(path, (depth, height, width), array.dtype, path.stat().st_size - array.nbytes)


def _open_study(labels: LabelFolder, cache: Path, study: str) -> LabelledVolume:
    folder = labels.folder / study
    files = labels.files[study]
    for name, digest in files.items():
        _verify(folder / name, digest, study)
    volumes = {name: digest for name, digest in files.items() if name.endswith(_SUFFIX)}
    if f"{CT}{_SUFFIX}" not in volumes or "label.json" not in files:
        raise _unusable(f"study {study} has no CT or no label.json")
    for name, digest in volumes.items():
        if not (cache / f"{digest}.npy").is_file():
            _decode(folder / name, cache / digest)
    arrays = {name.removesuffix(_SUFFIX): stored(cache / f"{digest}.npy") for name, digest in volumes.items()}
    if any(array.shape != arrays[CT].shape for array in arrays.values()):
        raise _unusable(f"a mask of study {study} is not on the grid of its CT")
    content = json.loads((folder / "label.json").read_text("utf-8"))
    return LabelledVolume(
        study=study,
        class_name=content.get("class"),
        provenance=content.get("provenance", {}),
        affine=np.load(_beside(arrays[CT].path, "affine")),
        arrays=arrays,
        counts={name: np.load(_beside(array.path, "counts")) for name, array in arrays.items() if name != CT},
    )


def _verify(path: Path, digest: str, study: str) -> None:
    if path.is_file():
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                return
    raise _unusable(f"{study}/{path.name} is missing or was changed")


def _decode(path: Path, target: Path) -> None:
    """Write ``target.npy`` last: where it stands, what belongs to it stands too."""
    array = target.with_name(f"{target.name}.npy")
    if path.name == f"{CT}{_SUFFIX}":
        volume = read_ct(path).volume
        _save(_beside(array, "affine"), volume.affine)
        _save(array, volume.hu)
    else:
        labels = read_labels(path)[0]
        flat = np.minimum(labels.reshape(len(labels), -1), COUNTED_VALUES)
        counts = [np.bincount(values, minlength=COUNTED_VALUES + 1)[:COUNTED_VALUES] for values in flat]
        _save(_beside(array, "counts"), np.array(counts, np.int32))
        _save(array, labels)


def _beside(array: Path, what: str) -> Path:
    return array.with_suffix(f".{what}.npy")


def _save(path: Path, array: NDArray[Any]) -> None:
    """Write and rename, so that neither a killed run nor a second one leaves half an array behind."""
    with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        np.save(file, np.ascontiguousarray(array))
    Path(file.name).replace(path)


def _unusable(what: str) -> RefusedInput:
    return RefusedInput("bad_label_folder", f"This label folder can not be used: {what}. Export it again.")
