from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp.conftest import ROLES, World
from webapp.accounts.models import User
from webapp.analyses.factories import SHAPE, box_mask, finished_analysis, ready_series
from webapp.audit.models import AuditEvent
from webapp.cohorts.factories import MembershipFactory
from webapp.cohorts.models import AIPolicy, Cohort, Role
from webapp.imaging.models import Series
from webapp.reports import selectors
from webapp.reports.columns import COLUMNS
from webapp.reports.exports import csv_text
from webapp.reviews.factories import answered, draft, judged, own_region, signed, signed_as_it_is
from webapp.reviews.models import Judgement, RejectionReason

TABLE = "/api/v1/cohorts/north/table/"
EXPORT = "/api/v1/cohorts/north/export.csv"
DICTIONARY = "/api/v1/cohorts/north/data-dictionary.csv"
STATISTICS = "/api/v1/cohorts/north/statistics/"
NOTICE = "Research use only. Not a medical device."


def text_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def lines(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(response))))


def judged_series(world: World, **patient: Any) -> Series:
    """A signed reading: R1 accepted, R2 rejected as vessel, R3 unsure, one own region."""
    series = ready_series(world.cohort, **patient)
    boxes = [(0, 0, 0, 2, 2, 2), (2, 2, 2, 4, 4, 4), (4, 4, 4, 6, 6, 6)]
    finished_analysis(series, {"density": [box_mask(SHAPE, box) for box in boxes]}, infected_percent=20.5)
    reading = judged(answered(draft(world.reader, series)), numbers={1})
    reading = judged(reading, Judgement.REJECTED, numbers={2}, reason=RejectionReason.VESSEL)
    reading = judged(reading, Judgement.UNSURE, numbers={3})
    signed_as_it_is(own_region(reading, box_mask(SHAPE, (0, 5, 5, 1, 8, 8))))
    return series


@pytest.mark.parametrize("role", ROLES)
def test_who_sees_the_table_the_export_the_dictionary_and_the_statistics(world: World, role: str) -> None:
    judged_series(world)
    client = world.as_role(role)
    outside = {"anonymous": 401, "stranger": 404}.get(role)
    exports = role in ("administrator", "lead", "data_manager")
    for url, allowed in ((TABLE, True), (STATISTICS, True), (EXPORT, exports), (DICTIONARY, exports)):
        assert client.get(url).status_code == (outside or (200 if allowed else 403)), url
    events = AuditEvent.objects.filter(action="cohort.exported")
    assert [event.actor_key for event in events] == ([str(world.user(role).pk)] if exports else [])


def test_a_row_counts_verdicts_and_tells_the_answers(world: World) -> None:
    series = judged_series(world, pseudonym="P-1")
    (row,) = world.as_user(world.lead).get(TABLE).json()["results"]
    assert (row["study"], row["series"]) == (str(series.study_id), str(series.pk))
    assert row["verdicts"] == {"accepted": 1, "rejected": 1, "redrawn": 0, "unsure": 1, "none": 0}
    assert row["own_regions"] == 1
    assert (row["co_rads"], row["severity_total"], row["diagnosis"]) == (5, 11, "COVID-19")
    assert row["infected_percent"] == 20.5
    assert row["reader"]["name"] == str(world.reader)
    assert row["signed_at"].startswith("20")


QUANTIFICATION = {
    "source": "lesions", "infected_ml": 240.5, "infected_percent": 5.1, "interval_percent": [3.9, 6.8],
    "lobes": {"RUL": {"volume_ml": 900, "infected_ml": 9, "infected_percent": 1.0},
              "LLL": {"volume_ml": 1000, "infected_ml": 120, "infected_percent": 12.0}},
    "types_ml": {"ground glass": 200.25, "consolidation": 40.25, "effusion": 12.0},
    "severity": {"lobes": {"RUL": 1, "RML": 0, "RLL": 0, "LUL": 0, "LLL": 2}, "total": 3},
}  # fmt: skip


def test_the_export_holds_what_the_networks_measured(world: World) -> None:
    volumes = {"lesions": np.zeros(SHAPE, np.uint8)}
    finished_analysis(ready_series(world.cohort), segmentations=volumes, quantification=QUANTIFICATION)
    (line,) = lines(world.as_user(world.data_manager).get(EXPORT))
    assert (line["infected_source"], line["infected_ml"]) == ("lesions", "240.5")
    assert line["infected_range"] == "calibrated 90 %"
    assert (line["infected_percent_low"], line["infected_percent_high"]) == ("3.9", "6.8")
    assert (line["infected_percent_RUL"], line["infected_percent_LLL"]) == ("1.0", "12.0")
    assert (line["infected_percent_RML"], line["nodule_ml"]) == ("", "")
    assert (line["ground_glass_ml"], line["consolidation_ml"], line["effusion_ml"]) == (
        "200.25", "40.25", "12.0",
    )  # fmt: skip
    assert (line["severity_suggested_LLL"], line["severity_suggested_total"]) == ("2", "3")
    assert (line["severity_LLL"], line["severity_total"]) == ("", "")
    assert line["systems"] == "density 1.0; lesions network 1"


def test_a_range_that_is_not_calibrated_is_called_spread(world: World) -> None:
    finished_analysis(ready_series(world.cohort), quantification={"source": "lesions", "spread": [2, 9]})
    (row,) = world.as_user(world.data_manager).get(TABLE).json()["results"]
    assert row["measured"] == {"found_by": "lesions", "range": "spread", "range_low": 2, "range_high": 9}


def test_the_export_holds_what_a_classifier_predicted(world: World) -> None:
    said = {"version": "small-7", "probabilities": {"COVID-19": 0.75}, "operating_points": {"COVID-19": 0.5}}
    finished_analysis(ready_series(world.cohort), classifiers={"decovnet": said})
    client = world.as_user(world.data_manager)
    (row,) = client.get(TABLE).json()["results"]
    assert row["predicted"] == {"decovnet": said}
    (line,) = lines(client.get(EXPORT))
    assert line["decovnet_probability_COVID-19"] == "0.75"
    assert line["decovnet_operating_point_COVID-19"] == "0.5"
    assert line["systems"] == "density 1.0; decovnet small-7"


def test_the_infected_part_by_every_system_that_measures_stands_beside_that_of_the_lesion_network(
    world: World,
) -> None:
    own = {"density": {"quantification": {"infected_percent": 7.5}}, "decovnet": {}}
    finished_analysis(ready_series(world.cohort), quantification=QUANTIFICATION, classifiers=own)
    client = world.as_user(world.data_manager)
    (row,) = client.get(TABLE).json()["results"]
    assert row["infected_percent_by_system"] == {"density": 7.5}
    (line,) = lines(client.get(EXPORT))
    assert (line["infected_source"], line["density_infected_percent"]) == ("lesions", "7.5")
    page = " ".join(client.get("/cohorts/north/").content.decode().split())
    assert 'Density <span class="num">7.5</span>' in page


def test_a_series_nobody_signed_has_a_row_without_answers(world: World) -> None:
    series = ready_series(world.cohort)
    finished_analysis(series)
    draft(world.reader, series)
    (row,) = world.as_user(world.data_manager).get(TABLE).json()["results"]
    assert row["infected_percent"] == 12.5
    assert not {"reading", "reader", "co_rads", "verdicts", "own_regions", "signed_at"} & row.keys()


def test_two_signed_readings_are_two_rows(world: World) -> None:
    colleague: User = MembershipFactory(cohort=world.cohort, role=Role.READER).user
    series = ready_series(world.cohort)
    signed(world.reader, series, co_rads=2)
    signed(colleague, series, co_rads=4)
    page = world.as_user(world.data_manager).get(TABLE).json()
    assert [row["co_rads"] for row in page["results"]] == [2, 4]
    assert page["count"] == 2


def test_a_reader_who_still_has_to_read_sees_no_answer_of_others(world: World) -> None:
    colleague: User = MembershipFactory(cohort=world.cohort, role=Role.READER).user
    signed(colleague, ready_series(world.cohort))
    (row,) = world.as_user(world.reader).get(TABLE).json()["results"]
    assert "co_rads" not in row
    assert "reader" not in row


@pytest.mark.parametrize(
    ("role", "sees"),
    [("administrator", True), ("data_manager", True), ("lead", False), ("viewer", False), ("reader", False)],
)
@pytest.mark.parametrize("policy", [AIPolicy.NEVER, AIPolicy.AFTER_FIRST_ANSWERS])
def test_hidden_numbers_of_the_systems_are_absent_for_those_who_read(
    world: World, policy: AIPolicy, role: str, sees: bool
) -> None:
    series = ready_series(world.cohort)
    said = {"probabilities": {"COVID-19": 0.75}, "quantification": {"infected_percent": 7.5}}
    finished_analysis(series, quantification=QUANTIFICATION, classifiers={"decovnet": said})
    Cohort.objects.update(ai_policy=policy)
    (row,) = world.as_role(role).get(TABLE).json()["results"]
    assert ("infected_percent" in row) is sees
    assert ("predicted" in row) is sees
    assert ("infected_percent_by_system" in row) is sees
    assert ("measured" in row) is sees
    assert ("systems" in row) is sees
    assert row["ai_hidden"] is not sees


def test_an_administrator_who_began_to_read_is_blind_like_every_reader(world: World) -> None:
    series = ready_series(world.cohort)
    finished_analysis(series)
    Cohort.objects.update(ai_policy=AIPolicy.AFTER_FIRST_ANSWERS)
    draft(world.administrator, series)
    (row,) = world.as_user(world.administrator).get(TABLE).json()["results"]
    assert "infected_percent" not in row


def test_the_counts_of_verdicts_are_hidden_with_the_results(world: World) -> None:
    judged_series(world)
    Cohort.objects.update(ai_policy=AIPolicy.NEVER)
    (row,) = world.as_user(world.reader).get(TABLE).json()["results"]
    assert "verdicts" not in row
    assert row["co_rads"] == 5
    statistics = world.as_user(world.viewer).get(STATISTICS).json()
    assert set(statistics["verdicts"].values()) == {0}
    assert world.as_user(world.data_manager).get(STATISTICS).json()["verdicts"]["accepted"] == 1


def test_statistics_count_verdicts_reasons_and_systems(world: World) -> None:
    judged_series(world)
    judged_series(world)
    draft(world.lead, judged_series(world))
    told = world.as_user(world.data_manager).get(STATISTICS).json()
    assert told["signed_readings"] == 3
    assert told["verdicts"] == {"accepted": 3, "rejected": 3, "redrawn": 0, "unsure": 3}
    assert told["rejected_as"]["vessel"] == 3
    assert told["systems"] == {"density": {"accepted": 3, "rejected": 3, "redrawn": 0, "unsure": 3}}
    assert told["own_regions"] == 3


def test_studies_of_another_cohort_are_not_in_the_table(world: World) -> None:
    ready_series(world.other_cohort)
    assert world.as_user(world.lead).get(TABLE).json()["results"] == []
    assert lines(world.as_user(world.lead).get(EXPORT)) == []


def test_the_export_opens_as_csv_with_every_column_of_the_dictionary(world: World) -> None:
    judged_series(world, pseudonym="P-1", sex="F", birth_date="1960-01-31")
    response = world.as_user(world.data_manager).get(EXPORT)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="north.csv"'
    (row,) = lines(response)
    assert list(row) == [column.name for column in COLUMNS]
    assert (row["patient"], row["sex"], row["age"], row["study_date"]) == ("P-1", "F", "60", "2020-01-31")
    assert (row["infected_percent"], row["systems"]) == ("20.5", "density 1.0")
    assert (row["co_rads"], row["severity_RLL"], row["severity_total"]) == ("5", "3", "11")
    assert (row["regions_accepted"], row["regions_rejected"], row["own_regions"]) == ("1", "1", "1")
    assert (row["nothing_else"], row["co_rads_before_ai"]) == ("false", "")
    assert row["notice"] == NOTICE


def test_the_dictionary_explains_each_column_of_the_export_once(world: World) -> None:
    client = world.as_user(world.lead)
    judged_series(world)
    header = next(csv.reader(io.StringIO(text_of(client.get(EXPORT)))))
    entries = lines(client.get(DICTIONARY))
    assert [entry["column"] for entry in entries] == header
    assert len(set(header)) == len(header)
    assert all(entry["meaning"] for entry in entries)
    assert next(entry["unit"] for entry in entries if entry["column"] == "infected_percent") == "%"
    assert NOTICE in {entry["meaning"] for entry in entries}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_text(start: str) -> None:
    cell = f'{start}HYPERLINK("http://x")'
    assert next(csv.reader(io.StringIO(csv_text([[cell]]), newline=""))) == [f"'{cell}"]


def test_a_hostile_pseudonym_and_a_hostile_reader_are_made_text_in_the_export(world: World) -> None:
    User.objects.filter(pk=world.reader.pk).update(name="@SUM(A1)")
    world.reader.refresh_from_db()
    judged_series(world, pseudonym='=cmd|"/c calc"!A0')
    (row,) = lines(world.as_user(world.lead).get(EXPORT))
    assert row["patient"] == '\'=cmd|"/c calc"!A0'
    assert row["reader"] == "'@SUM(A1)"


def test_answers_before_ai_are_exported(world: World) -> None:
    Cohort.objects.update(ai_policy=AIPolicy.AFTER_FIRST_ANSWERS)
    series = ready_series(world.cohort)
    finished_analysis(series)
    signed(world.reader, series, co_rads=4)
    (row,) = lines(world.as_user(world.data_manager).get(EXPORT))
    assert (row["co_rads_before_ai"], row["diagnosis_before_ai"]) == ("4", "COVID-19")


def test_the_export_can_be_asked_for_as_csv_alone_and_its_refusal_is_json(world: World) -> None:
    judged_series(world)
    accepts = {"Accept": "text/csv"}
    assert world.as_user(world.lead).get(EXPORT, headers=accepts).status_code == 200
    refused = world.as_user(world.viewer).get(EXPORT, headers=accepts)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


def test_the_export_says_in_the_trail_how_much_left(world: World) -> None:
    judged_series(world)
    world.as_user(world.data_manager).get(EXPORT)
    event = AuditEvent.objects.get(action="cohort.exported")
    assert (event.target_key, event.details) == (str(world.cohort.pk), {"rows": 1})


@pytest.mark.parametrize("url", [TABLE, EXPORT])
def test_fifty_rows_cost_as_many_queries_as_two(world: World, url: str) -> None:
    def queries() -> int:
        client = world.as_user(world.data_manager)
        with CaptureQueriesContext(connection) as captured:
            response = client.get(url)
            if response.streaming:
                text_of(response)
        return len(captured)

    for _ in range(2):
        judged_series(world)
    few = queries()
    for _ in range(23):
        judged_series(world)
    for _ in range(25):
        ready_series(world.cohort)
    assert queries() == few
    assert few <= 18


def test_counts_per_cohort_are_those_of_the_users_cohorts(world: World) -> None:
    judged_series(world)
    ready_series(world.cohort)
    ready_series(world.other_cohort)
    assert selectors.cohort_counts(world.viewer) == {world.cohort.pk: {"studies": 2, "signed": 1}}
    assert len(selectors.cohort_counts(world.administrator)) == 2


async def test_the_export_is_streamed_under_asgi_without_a_warning() -> None:
    from django.core.handlers.asgi import ASGIRequest

    from webapp.reports.exports import data_dictionary, download

    request = ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []}, io.BytesIO())
    response = download(request, "d.csv", data_dictionary())
    pieces = [piece async for piece in response.streaming_content]  # type: ignore[union-attr]
    assert b"infected_percent" in b"".join(pieces)
