"""Running the systems on one series: stored stream in, results in one transaction out."""

from __future__ import annotations

import logging

from django.conf import settings

from diagnosis import pipeline
from diagnosis.geometry import RefusedInput
from diagnosis.results import Analysis as Found
from diagnosis.segmentation_options import SEGMENTATIONS
from diagnosis.segmenting import load_network
from diagnosis.volume import CTVolume
from diagnosis.weight_files import shipped
from gpu_worker.boundary import Keep
from webapp.analyses.models import Analysis
from webapp.analyses.previews import Previews
from webapp.analyses.storing import store_results
from webapp.core.errors import RetryableError
from webapp.imaging.volumes import read_volume

logger = logging.getLogger(__name__)

MEMORY_EXHAUSTED = ("can't allocate memory", "out of memory")
"""What torch says when the memory of the processor, or that of the graphics card, runs out. Known by the
words alone: a child without weights never imports torch."""


def prepare() -> None:
    """Load the networks whose weights are at hand, once, before the first series, and set torch's threads.

    Weights that cannot be used are named in the log; an analysis that needs them says so in words.
    """
    for name in SEGMENTATIONS:
        try:
            version = load_network(name)
        except RefusedInput as refusal:
            logger.error("%s: %s", name, refusal.sentence)
        else:
            logger.info("%s: %s", name, f"network {version}" if version else "no weights, so no network")
    threads = settings.LUNGSIGHT_TORCH_THREADS
    if threads and any(shipped(name) for name in SEGMENTATIONS):
        import torch

        torch.set_num_threads(threads)


def analyse(analysis: Analysis, keep: Keep) -> None:
    """Run the chosen systems on the revision and store what they found; heatmaps whose making is slow can be
    looked at meanwhile.

    Raises LostLease, MemoryError, and RetryableError when the store does not give the volume.
    """
    keep("Loading the volume", 0.0)
    try:
        volume = read_volume(analysis.revision)
    except OSError as error:
        raise RetryableError("the stored volume cannot be read") from error
    previews = Previews(analysis)
    previews.forget()
    try:
        found = _found(volume, analysis, keep, previews)
        keep("Saving", 1.0)
        document = pipeline.analysis_json(found, analysis.revision.geometry)
        store_results(analysis=analysis, found=found, document=document)
    finally:
        previews.forget()


def _found(volume: CTVolume, analysis: Analysis, keep: Keep, previews: Previews) -> Found:
    """Run the pipeline; memory that runs out inside torch is a MemoryError like any other."""
    try:
        return pipeline.analyse(volume, analysis.systems, analysis.options, keep, previews)
    except RuntimeError as error:
        if any(words in str(error) for words in MEMORY_EXHAUSTED):
            raise MemoryError("torch could not get the memory it needs") from error
        raise
