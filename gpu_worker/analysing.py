"""Running the systems on one series: stored stream in, results in one transaction out."""

from __future__ import annotations

from diagnosis import pipeline
from gpu_worker.boundary import Keep
from webapp.analyses.models import Analysis
from webapp.analyses.storing import store_results
from webapp.core.errors import RetryableError
from webapp.imaging.volumes import read_volume


def analyse(analysis: Analysis, keep: Keep) -> None:
    """Run the chosen systems on the revision and store what they found.

    Raises LostLease, and RetryableError when the store does not give the volume.
    """
    keep("Loading the volume", 0.0)
    try:
        volume = read_volume(analysis.revision)
    except OSError as error:
        raise RetryableError("the stored volume cannot be read") from error
    found = pipeline.analyse(volume, analysis.systems, analysis.options, keep)
    keep("Saving", 1.0)
    document = pipeline.analysis_json(found, analysis.revision.geometry)
    store_results(analysis=analysis, found=found, document=document)
