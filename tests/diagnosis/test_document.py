"""The part of the document that classifiers fill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest

from diagnosis.document import analysis_json, json_schema
from diagnosis.results import Analysis, Heatmap, SystemResult
from diagnosis.volume import CTVolume

SHAPE = (4, 6, 8)
RESULT = SystemResult(
    system="decovnet", version="small-1", probabilities={"COVID-19": 0.25}, slice_evidence=(0.0,) * 4,
    heatmaps=[Heatmap("COVID-19", "cam", np.zeros((2, 3, 4), np.float32), np.diag([2.0, 2, 2, 1]), 1.5, 0.4)],
    regions=[], operating_points={"COVID-19": 0.5},
)  # fmt: skip


def document_of(result: SystemResult) -> dict[str, Any]:
    """Return the document of a run of this one system."""
    volume = CTVolume(np.zeros(SHAPE, np.int16), np.diag([1.0, 1, 1, 1]))
    lungs = np.ones(SHAPE, np.uint8)
    return analysis_json(Analysis(volume, lungs, None, {result.system: result}, [], {}, 0.0), {})


def test_a_classifier_gives_its_probabilities_and_from_where_on_it_says_yes() -> None:
    document = document_of(RESULT)
    jsonschema.validate(document, json_schema())
    system = document["systems"]["decovnet"]
    assert (system["probabilities"], system["operating_points"]) == ({"COVID-19": 0.25}, {"COVID-19": 0.5})


def test_a_system_that_decides_nothing_has_no_operating_points() -> None:
    document = document_of(replace(RESULT, probabilities={}, operating_points={}))
    jsonschema.validate(document, json_schema())
    assert not {"probabilities", "operating_points"} & document["systems"]["decovnet"].keys()


@pytest.mark.parametrize(
    "result",
    [
        replace(RESULT, operating_points={"COVID-19": 1.5}),
        replace(RESULT, probabilities={}),
    ],
)
def test_the_schema_refuses_operating_points_of_nothing_and_beyond_one(result: SystemResult) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document_of(result), json_schema())
