"""Running the systems on one series: stored stream in, results in one transaction out."""

from __future__ import annotations

from math import prod

import numpy as np
import zstandard

from diagnosis import pipeline
from diagnosis.volume import CTVolume
from gpu_worker.boundary import Keep
from webapp.analyses.models import Analysis
from webapp.analyses.storing import store_results
from webapp.core import blobs
from webapp.core.errors import RetryableError
from webapp.imaging.models import SeriesRevision


def analyse(analysis: Analysis, keep: Keep) -> None:
    """Run the chosen systems on the revision and store what they found. Raises LostLease."""
    keep("loading", 0.0)
    volume = load_volume(analysis.revision)
    found = pipeline.analyse(volume, analysis.systems, analysis.options, keep)
    keep("saving", 1.0)
    document = pipeline.analysis_json(found, analysis.revision.geometry)
    store_results(analysis=analysis, found=found, document=document)


def load_volume(revision: SeriesRevision) -> CTVolume:
    """Return the volume from the stream that the check stored: no file of a stranger is decoded here.

    Raises RetryableError when the store does not give the bytes.
    """
    header = revision.volume_header
    shape = tuple(header["shape"])
    try:
        packed = blobs.read(revision.volume_zstd_id or "")
    except OSError as error:
        raise RetryableError("the stored volume cannot be read") from error
    plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=prod(shape) * 2)
    hu = np.empty(shape, np.int16)
    hu[header["slice_order"]] = np.frombuffer(plain, "<i2").reshape(shape)
    return CTVolume(hu, np.array(header["affine"], np.float64))
