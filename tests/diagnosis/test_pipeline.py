"""One run: stages, progress, stopping, choices, and the document it makes."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from diagnosis.document import json_schema
from diagnosis.geometry import RefusedInput
from diagnosis.pipeline import UnknownChoice, analyse, analysis_json, chosen_options, stages
from diagnosis.results import Analysis
from diagnosis.volume import CTVolume
from tests.phantoms import abdomen_phantom, chest_phantom

PHANTOM = chest_phantom()
STAGES = ("Finding the lungs", "Density", "Measuring")
BY_RULES = {"lungs": {"method": "closed"}, "lobes": {"method": "none"}, "lesions": {"method": "none"}}
"""Without networks, whether or not weights are there."""


class Stopped(Exception):
    """What a caller raises to stop a run."""


def quiet(stage: str, part: float) -> None:
    """Progress nobody looks at."""


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return analyse(PHANTOM.volume, ["density"], BY_RULES, quiet)


def test_progress_names_the_stages_and_never_goes_back() -> None:
    seen: list[tuple[str, float]] = []
    analyse(PHANTOM.volume, ["density"], BY_RULES, lambda stage, part: seen.append((stage, part)))
    assert tuple(dict.fromkeys(stage for stage, _ in seen)) == STAGES == stages(["density"], BY_RULES)
    parts = [part for _, part in seen]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("at", STAGES)
def test_progress_may_stop_the_run_in_every_stage(at: str) -> None:
    def stop(stage: str, part: float) -> None:
        if stage == at:
            raise Stopped

    with pytest.raises(Stopped):
        analyse(PHANTOM.volume, ["density"], BY_RULES, stop)


def test_seconds_of_every_stage_and_peak_memory_are_kept(analysis: Analysis) -> None:
    assert tuple(analysis.seconds) == STAGES
    assert analysis.seconds["Finding the lungs"] > 0
    assert 50 < analysis.peak_memory_mb < 16000


def test_without_systems_lungs_and_quantification_are_still_made(analysis: Analysis) -> None:
    found = analyse(PHANTOM.volume, [], BY_RULES, quiet)
    assert found.systems == {}
    assert found.quantification == analysis.quantification
    np.testing.assert_array_equal(found.lungs, analysis.lungs)


def test_the_quantification_is_that_of_the_measuring_system(analysis: Analysis) -> None:
    assert analysis.quantification is analysis.systems["density"].quantification
    assert analysis.quantification is not None
    assert analysis.quantification.source == "density"


def test_options_reach_the_system() -> None:
    found = analyse(PHANTOM.volume, ["density"], {**BY_RULES, "density": {"rule": "published"}}, quiet)
    default = analyse(PHANTOM.volume, ["density"], BY_RULES, quiet)
    assert found.quantification != default.quantification


def test_unknown_systems_and_options_are_named_before_any_work() -> None:
    def forbidden(stage: str, part: float) -> None:
        raise AssertionError(stage)

    with pytest.raises(UnknownChoice, match=r"no system tarot\. There are: density"):
        analyse(PHANTOM.volume, ["tarot"], {}, forbidden)
    with pytest.raises(UnknownChoice, match="density has no option colour"):
        analyse(PHANTOM.volume, ["density"], {"density": {"colour": "red"}}, forbidden)
    with pytest.raises(UnknownChoice, match="lungs has no option colour"):
        analyse(PHANTOM.volume, [], {"lungs": {"colour": "red"}}, forbidden)
    with pytest.raises(UnknownChoice, match="rule=closed or published, not open"):
        chosen_options("density", {"rule": "open"})


def test_a_series_without_lungs_is_refused() -> None:
    with pytest.raises(RefusedInput, match="No lungs found"):
        analyse(abdomen_phantom(), ["density"], BY_RULES, quiet)


def test_a_cut_scan_and_a_missing_lung_are_said_in_words() -> None:
    hu = PHANTOM.volume.hu.copy()
    hu[PHANTOM.lungs == 2] = 40
    found = analyse(CTVolume(hu[:40], PHANTOM.volume.affine), [], BY_RULES, quiet)
    assert any("No left lung was found" in sentence for sentence in found.warnings)
    assert any("top slice" in sentence for sentence in found.warnings)
    assert not any("bottom slice" in sentence for sentence in found.warnings)


def test_the_document_obeys_its_schema_and_is_strict_json(analysis: Analysis) -> None:
    document = analysis_json(analysis, {"grade": "full"})
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(document, json_schema())
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_the_schema_refuses_what_the_contract_does_not_know(analysis: Analysis) -> None:
    document = analysis_json(analysis, {})
    for broken in (
        {**document, "schema": 2},
        {**document, "lobes": {}},
        {key: value for key, value in document.items() if key != "lungs"},
        {**document, "quantification": {**document["quantification"], "infected_percent": 101}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, json_schema())


def test_what_was_not_made_has_no_key(analysis: Analysis) -> None:
    document = analysis_json(analysis, {})
    assert "regions" not in document
    assert "lobes_ml" not in document["lungs"]
    assert not {"lobes", "zones", "interval_percent"} & set(document["quantification"])
    density = document["systems"]["density"]
    assert "probabilities" not in density
    assert all("lobe" not in region and None not in region.values() for region in density["regions"])


def test_the_document_holds_the_run_s_own_numbers(analysis: Analysis) -> None:
    document = analysis_json(analysis, {"slices": 56})
    ml = PHANTOM.volume.voxel_ml
    assert document["series"] == {"slices": 56}
    assert document["lungs"]["right_ml"] == (analysis.lungs == 1).sum() * ml
    assert document["lungs"]["volume_ml"] == pytest.approx((analysis.lungs > 0).sum() * ml)
    assert len(document["quantification"]["slice_evidence"]) == 56
    region = analysis.systems["density"].regions[0]
    written = document["systems"]["density"]["regions"][0]
    assert (written["id"], written["volume_ml"], written["side"]) == (
        region.id,
        region.volume_ml,
        region.side,
    )
