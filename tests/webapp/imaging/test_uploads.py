"""Sending files over the API and reading what became of each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from tests.webapp.conftest import World
from tests.webapp.imaging.conftest import SLICES, UPLOADS, Sender, renumbered, run_checks
from webapp.accounts.factories import UserFactory
from webapp.cohorts.factories import CohortFactory, MembershipFactory
from webapp.cohorts.models import Role
from webapp.core.models import Blob
from webapp.imaging.models import Instance, Series, SeriesRevision, Study, Upload
from webapp.imaging.services import complete_idle_uploads
from webapp.patients.models import Patient

pytestmark = pytest.mark.both_databases

Write = Callable[..., list[Path]]


def test_it_takes_a_series_and_says_so_for_every_file(send: Sender, slices: list[Path], world: World) -> None:
    upload = send(slices)

    assert upload["state"] == "checking"
    assert upload["cohort"] == "north"
    assert sorted(file["name"] for file in upload["files"]) == sorted(path.name for path in slices)
    assert {(file["outcome"], file["reason"]) for file in upload["files"]} == {("accepted", "")}
    assert len(upload["studies"]) == len(upload["series"]) == 1
    assert upload["analyses"] == []
    study = Study.objects.get()
    assert (study.hospital, study.study_uid) == (world.north, "1.2.3")
    assert list(study.cohorts.all()) == [world.cohort]
    assert study.patient.patient_id == "PHANTOM-1"
    assert study.patient.pseudonym != "PHANTOM-1"


def test_it_is_done_when_all_its_series_are_checked(send: Sender, slices: list[Path]) -> None:
    upload = send(slices)
    assert send.series(upload)["state"] == "ready"
    assert send.upload(upload)["state"] == "done"


def test_the_same_bytes_again_are_held_and_stored_once(send: Sender, slices: list[Path]) -> None:
    first = send(slices)
    run_checks()
    blobs = Blob.objects.count()
    again = send(slices)

    assert {file["outcome"] for file in again["files"]} == {"held"}
    assert {file["reason"] for file in again["files"]} == {"Already held: nothing was stored twice."}
    assert (again["studies"], again["series"]) == (first["studies"], first["series"])
    run_checks()
    assert send.upload(again)["state"] == "done"
    assert (Instance.objects.count(), Blob.objects.count()) == (SLICES, blobs)
    assert SeriesRevision.objects.count() == 1


def test_the_same_file_twice_in_one_request_is_held(send: Sender, slices: list[Path]) -> None:
    data = slices[0].read_bytes()
    upload = send({"a.dcm": data, "b.dcm": data})
    assert sorted(file["outcome"] for file in upload["files"]) == ["accepted", "held"]
    assert Instance.objects.count() == 1


def test_other_bytes_under_the_same_uid_are_a_conflict_and_leave_the_first_copy_alone(
    send: Sender, slices: list[Path]
) -> None:
    send(slices)
    before = dict(Instance.objects.values_list("sop_uid", "blob_id"))
    data = bytearray(slices[0].read_bytes())
    data[-2] ^= 1
    upload = send({"changed.dcm": bytes(data)})

    (file,) = upload["files"]
    assert file["outcome"] == "conflict"
    assert "kept aside" in file["reason"]
    assert dict(Instance.objects.values_list("sop_uid", "blob_id")) == before
    assert upload["series"] == []


def test_a_study_of_another_patient_under_the_same_uid_is_a_conflict(send: Sender, series_of: Write) -> None:
    send(series_of(study_uid="1.2.3", patient_id="A"))
    upload = send(series_of(study_uid="1.2.3", patient_id="B"))
    assert {file["outcome"] for file in upload["files"]} == {"conflict"}
    assert "another patient" in upload["files"][0]["reason"]
    assert Study.objects.get().patient.patient_id == "A"


def test_another_hospital_holds_the_same_study_by_itself(
    send: Sender, slices: list[Path], world: World
) -> None:
    send(slices)
    stranger = Sender(world.as_user(world.stranger))
    upload = stranger(slices)

    assert {file["outcome"] for file in upload["files"]} == {"accepted"}
    assert Study.objects.filter(study_uid="1.2.3").count() == 2
    assert Patient.objects.values("hospital").distinct().count() == 2
    assert Blob.objects.count() == SLICES


def test_a_guest_brings_patients_of_their_own_hospital(slices: list[Path], world: World) -> None:
    guest = MembershipFactory(cohort=world.cohort, user=UserFactory(hospital=world.south)).user
    Sender(world.as_user(guest))(slices)
    assert Study.objects.get().hospital == world.south


def test_an_administrator_without_hospital_brings_patients_of_the_cohorts(
    slices: list[Path], world: World
) -> None:
    administrator = UserFactory(hospital=None, is_administrator=True)
    Sender(world.as_user(administrator))(slices, cohort="south")
    assert Study.objects.get().hospital == world.south


def test_files_without_patient_id_are_one_patient_per_study(send: Sender, series_of: Write) -> None:
    send(series_of(study_uid="1.2.3", patient_id=""))
    send(series_of(study_uid="1.2.9", patient_id=""))
    assert Patient.objects.count() == 2


def test_the_pseudonym_names_a_new_patient(send: Sender, slices: list[Path]) -> None:
    send(slices, pseudonym="Case 7")
    assert Patient.objects.get().pseudonym == "Case 7"


def test_it_refuses_a_pseudonym_that_none_may_have(send: Sender, slices: list[Path]) -> None:
    for pseudonym in ("../x", "<b>", "a/b", "a" * 65):
        response = send.post(slices[:1], pseudonym=pseudonym)
        assert response.status_code == 400, pseudonym
        assert response.json()["message"]
    assert not Upload.objects.exists()


def test_it_asks_for_files(send: Sender) -> None:
    response = send.post({})
    assert (response.status_code, response.json()["code"]) == (400, "no_files")


def test_the_only_cohort_needs_no_name_and_of_several_one_must_be_named(
    send: Sender, slices: list[Path], world: World
) -> None:
    MembershipFactory(user=world.reader, cohort=CohortFactory(slug="second"))
    response = send.post(slices[:1])
    assert (response.status_code, response.json()["code"]) == (400, "cohort_missing")
    assert send(slices[:1], cohort="second")["cohort"] == "second"


def test_a_cohort_in_which_one_only_looks_is_no_choice(
    send: Sender, slices: list[Path], world: World
) -> None:
    second = CohortFactory(slug="second")
    MembershipFactory(user=world.reader, cohort=second, role=Role.VIEWER)
    assert send(slices[:1])["cohort"] == "north"
    assert send.post(slices[:1], cohort="second").status_code == 403


def test_batches_are_one_upload_that_is_checked_when_the_last_has_come(
    send: Sender, slices: list[Path]
) -> None:
    upload = send(slices[:4], more="1")
    assert upload["state"] == "receiving"
    run_checks()
    assert send.upload(upload)["state"] == "receiving"
    url = f"{UPLOADS}{upload['id']}/files/"
    assert send.post(slices[4:8], url, more="1").json()["state"] == "receiving"
    last = send.post(slices[8:], url).json()
    assert (last["state"], len(last["files"])) == ("checking", SLICES)
    assert send.series(upload)["volume"]["shape"][0] == SLICES


def test_an_upload_can_be_completed_by_itself_and_takes_nothing_afterwards(
    send: Sender, slices: list[Path]
) -> None:
    upload = send(slices, more="1")
    completed = send.client.post(f"{UPLOADS}{upload['id']}/complete/")
    assert (completed.status_code, completed.json()["state"]) == (202, "checking")
    late = send.post(slices, f"{UPLOADS}{upload['id']}/files/")
    assert (late.status_code, late.json()["code"]) == (409, "upload_ended")
    assert send.client.post(f"{UPLOADS}{upload['id']}/complete/").status_code == 202


def test_an_upload_that_stopped_in_the_middle_completes_itself(send: Sender, slices: list[Path]) -> None:
    stopped, going_on = send(slices, more="1"), send(slices, more="1")
    long_ago = timezone.now() - timedelta(seconds=settings.LUNGSIGHT_UPLOAD_IDLE_SECONDS + 1)
    Upload.objects.filter(pk=stopped["id"]).update(updated_at=long_ago)

    assert complete_idle_uploads() == 1
    assert send.series(stopped)["state"] == "ready"
    assert send.upload(going_on)["state"] == "receiving"


def test_a_later_instance_makes_a_new_revision(send: Sender, slices: list[Path]) -> None:
    first = send(slices[:11])
    before = send.series(first)
    after = send.series(send(slices[11:]))

    assert (before["revision"], after["revision"]) == (1, 2)
    assert before["manifest_hash"] != after["manifest_hash"]
    assert after["volume"]["shape"][0] == SLICES
    old = Series.objects.get().revisions.get(number=1)
    assert len(old.manifest) == 11
    assert old.volume_header == {key: value for key, value in before["volume"].items() if key != "url"}


def test_the_list_holds_ones_own_uploads(send: Sender, slices: list[Path], world: World) -> None:
    upload = send(slices[:1])
    listed = send.client.get(UPLOADS).json()
    assert [row["id"] for row in listed["results"]] == [upload["id"]]
    assert listed["results"][0]["state"] == "checking"
    assert world.as_user(world.lead).get(UPLOADS).json()["results"] == []


@pytest.mark.parametrize("count", [1, 60])
def test_many_files_cost_few_statements(
    count: int, send: Sender, slices: list[Path], django_assert_max_num_queries: Callable[..., object]
) -> None:
    data = slices[0].read_bytes()
    files = {f"{n}.dcm": renumbered(data, n) for n in range(count)}
    with django_assert_max_num_queries(50):
        upload = send(files)
    assert [file["outcome"] for file in upload["files"]].count("accepted") == count
