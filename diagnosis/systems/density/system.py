"""The density system: suspicious density, its heatmap, its regions and its volumes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from diagnosis.quantification.measuring import quantify
from diagnosis.regions import regions_of, union_of
from diagnosis.results import Heatmap, SystemResult
from diagnosis.systems.density.closed_rule import suspicious_closed
from diagnosis.systems.density.explanation import density_heatmap
from diagnosis.systems.density.preprocessing import (
    in_cubes,
    lung_box,
    moved,
    on_series_grid,
    working_grid,
)
from diagnosis.systems.density.published_rule import Suspicious, suspicious_published
from diagnosis.systems.density.spec import SPEC
from diagnosis.systems.interface import Case, Progress

_THRESHOLD = 0.3
"""Share of suspicious lung that makes a region: 2 mm around a plain border. 0.25 to 0.35 hardly differ."""
_SMALLEST_ML = 2.0


class DensitySystem:
    """Measures dense lung. It has no classes and no probabilities."""

    spec = SPEC

    def run(self, case: Case, options: Mapping[str, str], progress: Progress) -> SystemResult:
        """Analyse one case; ``options["rule"]`` is ``closed`` or ``published``.

        The closed rule counts the suspicious voxels inside regions as infected; the published rule counts
        all of them, as printed.
        """
        started = time.monotonic()
        suspicious, heatmap = _published(case) if options["rule"] == "published" else _closed(case)
        found = time.monotonic()
        progress(0.6)
        regions = regions_of(heatmap, suspicious.lungs, case.volume.affine, _SMALLEST_ML)
        infected = suspicious.mask
        if options["rule"] == "closed":
            infected = infected & union_of(regions, case.volume.shape)
        progress(0.8)
        quantification = quantify(infected, suspicious.lungs, case.volume.voxel_ml, "density")
        progress(1.0)
        return SystemResult(
            system=SPEC.name,
            version=SPEC.version,
            probabilities={},
            slice_evidence=quantification.slice_evidence,
            heatmaps=[heatmap],
            regions=regions,
            quantification=quantification,
            seconds={"suspicious density": found - started, "regions": time.monotonic() - found},
        )


def _closed(case: Case) -> tuple[Suspicious, Heatmap]:
    grid = working_grid(case)
    cubes = suspicious_closed(grid)
    heatmap = density_heatmap(cubes, grid.lungs, grid.affine, _THRESHOLD)
    return Suspicious(on_series_grid(cubes, grid.affine, case), case.lungs), heatmap


def _published(case: Case) -> tuple[Suspicious, Heatmap]:
    """The published rule looks for its own lungs: regions and percent refer to them."""
    suspicious = suspicious_published(case.volume)
    box = lung_box(suspicious.lungs, case.volume.spacing_mm)
    part = moved(case.volume.affine, box)
    mask, affine = in_cubes(suspicious.mask[box], part)
    lungs, _ = in_cubes(suspicious.lungs[box] > 0, part)
    return suspicious, density_heatmap(mask, lungs, affine, _THRESHOLD)
