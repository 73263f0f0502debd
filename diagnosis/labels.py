"""The label folder: what signed readings (or phantoms) teach, frozen, hashed, split by patient.

``FOLDER/manifest.json`` {schema, label_set, notice, split: {patient: part}, studies: {study: {patient,
files: {name: SHA-256}}}} and per study ``ct.nii.gz``, ``label.json`` {schema, study, patient, class, kinds,
regions, provenance, manifest_hash}, ``outline.nii.gz``, ``look.nii.gz`` (``look-2.nii.gz`` and so on where
regions overlap), ``not_look.nii.gz``, ``ignore.nii.gz``; what a reading does not teach is absent. Phantoms
know the anatomy too: ``lungs.nii.gz``, ``lobes.nii.gz``, ``vessels.nii.gz``; readings never have these.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from diagnosis.geometry import RefusedInput
from diagnosis.nifti import read_ct, read_labels, write_ct, write_labels
from diagnosis.volume import Affine, BoolArray, CTVolume, LabelArray

SCHEMA = 1
NOTICE = "Research use only. Not a medical device."
MANIFEST = "manifest.json"
Split = Literal["train", "validation", "test"]
ClassName = Literal["NP", "CAP", "COVID-19", "other"]
Kind = Literal["outline", "pointer", "false evidence", "unsure", "background"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_REGIONS = 255
LABEL_MAPS = ("outline", "lungs", "lobes", "vessels")
"""Written as they are: a value for each structure."""
BINARY_MASKS = ("not_look", "ignore")


@dataclass(frozen=True, slots=True)
class StudyLabel:
    """What is taught about one series. Masks are ``[z, y, x]`` on the grid of ``volume``.

    ``outline`` holds lesion values (4 when the type is unknown, 0 = not outlined), ``look`` one mask for
    each region that holds a lesion somewhere, ``not_look`` rejected evidence, ``ignore`` what must not feed
    a voxel loss (see ignore_mask). ``lungs`` (1 right, 2 left), ``lobes`` (1 RUL 2 RML 3 RLL 4 LUL 5 LLL) and
    ``vessels`` (1) are the anatomy of a phantom, uint8; lungs include lesions and vessels. ``study`` and
    ``patient`` are pseudonyms; ``manifest_hash`` is the series' own; ``class_name`` is None when the reader
    gave no diagnosis.
    """

    study: str
    patient: str
    split: Split
    class_name: ClassName | None
    kinds: tuple[Kind, ...]
    volume: CTVolume
    manifest_hash: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    outline: LabelArray | None = None
    look: tuple[BoolArray, ...] = ()
    not_look: BoolArray | None = None
    ignore: BoolArray | None = None
    lungs: LabelArray | None = None
    lobes: LabelArray | None = None
    vessels: LabelArray | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for names that are no pseudonyms, unknown words and masks of another grid."""
        for name in (self.study, self.patient):
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a name of letters, digits, dot, dash and underscore")
        for word, allowed in (
            (self.split, get_args(Split)), (self.class_name, (*get_args(ClassName), None)),
            *((kind, get_args(Kind)) for kind in self.kinds),
        ):  # fmt: skip
            if word not in allowed:
                raise ValueError(f"{word!r} is none of {allowed}")
        masks = [*self.look, *(getattr(self, name) for name in (*LABEL_MAPS, *BINARY_MASKS))]
        if any(mask is not None and mask.shape != self.volume.shape for mask in masks):
            raise ValueError("a mask is not on the grid of the volume")
        if len(self.look) > MAX_REGIONS:
            raise ValueError(f"more than {MAX_REGIONS} regions")


@dataclass(frozen=True, slots=True)
class LabelFolder:
    """A label folder whose manifest was checked; studies are read one by one."""

    folder: Path
    label_set: str
    split: Mapping[str, Split]
    patients: Mapping[str, str]
    """Patient of each study."""
    files: Mapping[str, Mapping[str, str]]

    def studies(self, split: Split) -> list[str]:
        """Return the names of the studies in one part of the split."""
        return [study for study, patient in self.patients.items() if self.split[patient] == split]

    def read(self, study: str) -> StudyLabel:
        """Read one study. Raises RefusedInput when a file is missing or not the one that was frozen."""
        folder, files = self.folder / study, self.files[study]
        for name, digest in files.items():
            if not (folder / name).is_file() or _sha256(folder / name) != digest:
                raise _damaged(f"{study}/{name} is missing or was changed")
        label = json.loads((folder / "label.json").read_text("utf-8"))
        masks = {name: read_labels(folder / name)[0] for name in files if _is_mask(name)}
        return StudyLabel(
            study=study,
            patient=self.patients[study],
            split=self.split[self.patients[study]],
            class_name=label.get("class"),
            kinds=tuple(label["kinds"]),
            volume=read_ct(folder / "ct.nii.gz").volume,
            manifest_hash=label["manifest_hash"],
            provenance=label["provenance"],
            outline=masks.get("outline.nii.gz"),
            look=_regions(masks, label["regions"]),
            not_look=_bool(masks.get("not_look.nii.gz")),
            ignore=_bool(masks.get("ignore.nii.gz")),
            lungs=masks.get("lungs.nii.gz"),
            lobes=masks.get("lobes.nii.gz"),
            vessels=masks.get("vessels.nii.gz"),
        )


def ignore_mask(
    shape: tuple[int, int, int], outline: LabelArray | None, look: Iterable[BoolArray],
    unsure: Iterable[BoolArray], *, nothing_else: bool,
) -> BoolArray:  # fmt: skip
    """Return the voxels that must not feed a voxel loss.

    Outlined voxels always may. The rest is background only when the reader said that nothing else is
    infected; even then pointed-at and unsure voxels may or may not be infected.
    """
    if nothing_else:
        ignore = np.zeros(shape, bool)
        for mask in (*look, *unsure):
            ignore |= mask
    else:
        ignore = np.ones(shape, bool)
    if outline is not None:
        ignore &= outline == 0
    return ignore


def write_label_folder(folder: Path, studies: Iterable[StudyLabel]) -> str:
    """Write a new label folder, one study in memory at a time, and return the label set's hash.

    The hash depends on the content only, not on time or place. The manifest is written last: a folder
    without one is unfinished. Raises FileExistsError when the folder holds anything already, ValueError
    when a study comes twice or a patient stands on two sides of the split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    split: dict[str, str] = {}
    entries: dict[str, Any] = {}
    for label in studies:
        if label.study in entries:
            raise ValueError(f"study {label.study} comes twice")
        if split.setdefault(label.patient, label.split) != label.split:
            raise ValueError(f"patient {label.patient} stands on two sides of the split")
        entries[label.study] = {"patient": label.patient, "files": _write_study(folder / label.study, label)}
    manifest = {"schema": SCHEMA, "notice": NOTICE, "split": split, "studies": entries}
    label_set = _hash_of(manifest)
    _write_json(folder / MANIFEST, {**manifest, "label_set": label_set})
    return label_set


def read_label_folder(folder: Path) -> LabelFolder:
    """Read and check the manifest. Raises RefusedInput when it is missing, damaged or of another schema."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        label_set = manifest.pop("label_set")
        split, entries = manifest["split"], manifest["studies"]
        patients = {study: entry["patient"] for study, entry in entries.items()}
        files = {study: entry["files"] for study, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged("manifest.json is missing or damaged") from error
    if manifest.get("schema") != SCHEMA:
        raise _damaged(f"its schema is {manifest.get('schema')}, not {SCHEMA}")
    names = [*entries, *(name for listed in files.values() for name in listed)]
    if _hash_of(manifest) != label_set or not all(NAME.fullmatch(name) for name in names):
        raise _damaged("manifest.json was changed")
    return LabelFolder(folder, label_set, split, patients, files)


def _write_study(folder: Path, label: StudyLabel) -> dict[str, str]:
    folder.mkdir()
    affine = label.volume.affine
    write_ct(folder / "ct.nii.gz", label.volume)
    for name in (*LABEL_MAPS, *BINARY_MASKS):
        mask: LabelArray | BoolArray | None = getattr(label, name)
        if mask is not None:
            write_labels(folder / f"{name}.nii.gz", mask.astype(np.uint8), affine)
    _write_look(folder, label.look, affine)
    content = {
        "schema": SCHEMA, "study": label.study, "patient": label.patient,
        "kinds": list(label.kinds), "regions": len(label.look), "provenance": dict(label.provenance),
        "manifest_hash": label.manifest_hash,
        **({"class": label.class_name} if label.class_name else {}),
    }  # fmt: skip
    _write_json(folder / "label.json", content)
    return {path.name: _sha256(path) for path in sorted(folder.iterdir())}


def _write_look(folder: Path, look: Sequence[BoolArray], affine: Affine) -> None:
    """Number the regions from 1; each goes to the first file in which it overlaps no other."""
    layers: list[LabelArray] = []
    for number, mask in enumerate(look, start=1):
        layer = next((layer for layer in layers if not layer[mask].any()), None)
        if layer is None:
            layer = np.zeros(mask.shape, np.uint8)
            layers.append(layer)
        layer[mask] = number
    for index, layer in enumerate(layers, start=1):
        name = "look.nii.gz" if index == 1 else f"look-{index}.nii.gz"
        write_labels(folder / name, layer, affine)


def _regions(masks: Mapping[str, LabelArray], count: int) -> tuple[BoolArray, ...]:
    layers = [mask for name, mask in masks.items() if name.startswith("look")]
    return tuple(
        np.any([layer == number for layer in layers], axis=0) for number in range(1, count + 1)
    )  # fmt: skip


def _is_mask(name: str) -> bool:
    return name.endswith(".nii.gz") and name != "ct.nii.gz"


def _bool(mask: LabelArray | None) -> BoolArray | None:
    return None if mask is None else mask.astype(bool)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_of(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n", "utf-8")


def _damaged(what: str) -> RefusedInput:
    return RefusedInput("bad_label_folder", f"This label folder can not be used: {what}. Export it again.")
