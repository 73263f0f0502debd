from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp.conftest import World
from webapp.audit.models import AuditEvent
from webapp.patients.factories import PatientFactory
from webapp.patients.models import Patient

IDENTITY = ("Secret^Name", "HOSPITAL-NUMBER-1")


@pytest.fixture
def patient(world: World) -> Patient:
    return PatientFactory(hospital=world.north, pseudonym="P-7F3K2", name=IDENTITY[0], patient_id=IDENTITY[1])


@pytest.mark.parametrize(
    "address",
    ["/manage/patients/", "/manage/patients/{pk}/", "/api/v1/patients/", "/api/v1/patients/{pk}/"],
)
def test_patients_are_shown_by_pseudonym_and_never_by_name_or_number(
    world: World, patient: Patient, address: str
) -> None:
    shown = world.as_user(world.administrator).get(address.format(pk=patient.pk)).content.decode()
    assert "P-7F3K2" in shown
    assert not any(identity in shown for identity in IDENTITY)


@pytest.mark.parametrize(("words", "found"), [("7f3", 1), ("Secret", 0), ("HOSPITAL", 0)])
def test_patients_are_searched_by_pseudonym_only(
    world: World, patient: Patient, words: str, found: int
) -> None:
    client = world.as_user(world.administrator)
    assert client.get("/api/v1/patients/", {"q": words}).json()["count"] == found
    page = client.get("/manage/patients/", {"q": words}).content.decode()
    assert ("P-7F3K2" in page) is bool(found)


def test_a_longer_list_needs_no_more_queries(world: World, patient: Patient) -> None:
    client = world.as_user(world.administrator)
    for address in ("/manage/patients/", "/api/v1/patients/"):
        with CaptureQueriesContext(connection) as few:
            client.get(address)
        PatientFactory.create_batch(5)
        with CaptureQueriesContext(connection) as many:
            client.get(address)
        assert len(many) == len(few) <= 8


def test_a_patient_is_changed_based_on_a_revision_and_the_audit_names_fields_only(
    world: World, patient: Patient
) -> None:
    client, address = world.as_user(world.administrator), f"/api/v1/patients/{patient.pk}/"
    body = {"sex": "M", "birth_date": "1956-03-01"}
    assert client.patch(address, body).status_code == 428
    assert client.patch(address, body, HTTP_IF_MATCH="1").json()["revision"] == 2
    stale = client.patch(address, {"sex": "O"}, HTTP_IF_MATCH="1")
    assert (stale.status_code, stale.json()["theirs"]["sex"]) == (409, "M")
    patient.refresh_from_db()
    assert (patient.sex, patient.birth_date, patient.name) == ("M", date(1956, 3, 1), IDENTITY[0])
    assert AuditEvent.objects.get(action="patient.changed").details == {"fields": ["birth_date", "sex"]}


@pytest.mark.parametrize("body", [{"sex": "X"}, {"birth_date": "yesterday"}, {"pseudonym": ""}])
def test_wrong_values_are_refused(world: World, patient: Patient, body: dict[str, str]) -> None:
    client = world.as_user(world.administrator)
    assert client.patch(f"/api/v1/patients/{patient.pk}/", body, HTTP_IF_MATCH="1").status_code == 400


def test_a_pseudonym_of_another_patient_is_refused_in_api_and_page(world: World, patient: Patient) -> None:
    PatientFactory(hospital=world.north, pseudonym="P-TAKEN")
    client = world.as_user(world.administrator)
    response = client.patch(f"/api/v1/patients/{patient.pk}/", {"pseudonym": "P-TAKEN"}, HTTP_IF_MATCH="1")
    assert (response.status_code, response.json()["code"]) == (409, "pseudonym_taken")
    body = {"revision": 1, "pseudonym": "P-TAKEN", "sex": "F"}
    page = client.post(f"/manage/patients/{patient.pk}/", body, format="multipart").content.decode()
    assert "Another patient of this hospital has this pseudonym already." in page


def test_the_page_saves_and_shows_a_conflict_in_a_sentence(world: World, patient: Patient) -> None:
    client, address = world.as_user(world.administrator), f"/manage/patients/{patient.pk}/"
    body = {"revision": 1, "pseudonym": "P-FIRST", "sex": "M", "birth_date": "1956-03-01"}
    assert client.post(address, body, format="multipart").status_code == 302
    late = client.post(address, body | {"pseudonym": "P-SECOND"}, format="multipart").content.decode()
    assert "the pseudonym is P-FIRST" in late
    patient.refresh_from_db()
    assert patient.pseudonym == "P-FIRST"


def test_a_birth_that_is_still_to_come_is_refused(world: World, patient: Patient) -> None:
    body = {"revision": 1, "pseudonym": "P-1", "sex": "", "birth_date": "2999-01-01"}
    page = world.as_user(world.administrator).post(
        f"/manage/patients/{patient.pk}/", body, format="multipart"
    )
    assert "This day is still to come." in page.content.decode()
