"""Running the systems on one series: stored stream in, results in one transaction out."""

from __future__ import annotations

import logging

import torch
from django.conf import settings

from diagnosis import pipeline
from diagnosis.geometry import RefusedInput
from diagnosis.results import Analysis as Found
from diagnosis.segmentation_options import SEGMENTATIONS
from diagnosis.volume import CTVolume
from diagnosis.weights import read_header, shipped
from gpu_worker.boundary import Keep
from webapp.analyses.models import Analysis
from webapp.analyses.storing import store_results
from webapp.core.errors import RetryableError
from webapp.imaging.volumes import read_volume

logger = logging.getLogger(__name__)

CPU_EXHAUSTED = "can't allocate memory"
"""torch has no class of its own for a processor's memory running out, only these words."""


def prepare() -> None:
    """Set the number of torch's threads and look at the weights, once, before the first series.

    Weights that cannot be used are named in the log; an analysis that needs them says so in words.
    """
    if threads := settings.LUNGSIGHT_TORCH_THREADS:
        torch.set_num_threads(threads)
    for name in SEGMENTATIONS:
        if (path := shipped(name)) is None:
            logger.info("%s: no weights, so no network", name)
            continue
        try:
            logger.info("%s: network %s", name, read_header(path)["version"])
        except RefusedInput as refusal:
            logger.error("%s: %s", name, refusal.sentence)


def analyse(analysis: Analysis, keep: Keep) -> None:
    """Run the chosen systems on the revision and store what they found.

    Raises LostLease, MemoryError, and RetryableError when the store does not give the volume.
    """
    keep("Loading the volume", 0.0)
    try:
        volume = read_volume(analysis.revision)
    except OSError as error:
        raise RetryableError("the stored volume cannot be read") from error
    found = _found(volume, analysis, keep)
    keep("Saving", 1.0)
    document = pipeline.analysis_json(found, analysis.revision.geometry)
    store_results(analysis=analysis, found=found, document=document)


def _found(volume: CTVolume, analysis: Analysis, keep: Keep) -> Found:
    """Run the pipeline; memory that runs out inside torch is a MemoryError like any other."""
    try:
        return pipeline.analyse(volume, analysis.systems, analysis.options, keep)
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or CPU_EXHAUSTED in str(error):
            raise MemoryError("torch could not get the memory it needs") from error
        raise
