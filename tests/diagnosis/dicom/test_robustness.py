"""Whatever bytes come in, the answer is a header or a refusal, never another exception."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from diagnosis.dicom.headers import read_header
from diagnosis.dicom.pixels import read_hounsfield
from diagnosis.geometry import RefusedInput

SYNTAXES = {
    "explicit": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
    "big endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "RLE": "1.2.840.10008.1.2.5",
}


def mutant(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 20))):
        at = rng.randrange(100, min(len(data), 2500) if rng.random() < 0.8 else len(data))
        match rng.randrange(5):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at : at + 4] = struct.pack("<L", rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 2**16)))
            case 2:
                del data[at : at + rng.randrange(1, 20)]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 40))
            case 4:
                del data[max(at, 1000) :]
    return bytes(data)


@pytest.mark.parametrize("name", SYNTAXES)
def test_mutants_are_read_or_refused_and_never_hang(name: str, slice_file: Callable[..., Path]) -> None:
    path = slice_file(SYNTAXES[name])
    content = path.read_bytes()
    rng = random.Random(name)
    refusals: list[str] = []
    for _ in range(150):
        path.write_bytes(mutant(content, rng))
        start = time.perf_counter()
        try:
            read_hounsfield(path, read_header(path))
        except RefusedInput as refused:
            refusals.append(refused.sentence)
        assert time.perf_counter() - start < 5
    assert len(refusals) > 20
    assert all(sentence.endswith(".") for sentence in refusals)
