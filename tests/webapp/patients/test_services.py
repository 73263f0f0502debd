from __future__ import annotations

import threading
from datetime import date

import pytest
from django.db import connection

from webapp.accounts.factories import HospitalFactory
from webapp.core.errors import UserError
from webapp.patients import services
from webapp.patients.models import Patient
from webapp.patients.pseudonyms import LETTERS, new_pseudonym
from webapp.patients.services import find_or_create

pytestmark = pytest.mark.both_databases


@pytest.mark.django_db
def test_a_new_patient_gets_a_pseudonym_made_from_nothing_of_theirs() -> None:
    patient = find_or_create(
        hospital=HospitalFactory(), issuer="HIS", patient_id="4711", name="Doe^Jane", sex="F",
        birth_date=date(1956, 3, 1),
    )  # fmt: skip
    assert patient.pseudonym.startswith("P-")
    assert (patient.sex, patient.birth_date) == ("F", date(1956, 3, 1))
    assert str(patient) == patient.pseudonym


@pytest.mark.django_db
def test_the_same_identity_is_the_same_patient_and_stays_as_stored() -> None:
    hospital = HospitalFactory()
    first = find_or_create(hospital=hospital, issuer="", patient_id="1", name="Doe^Jane", pseudonym="P-FIRST")
    again = find_or_create(
        hospital=hospital, issuer="", patient_id="1", name="Doe^Other", pseudonym="P-OTHER"
    )
    assert (again.pk, again.name, again.pseudonym) == (first.pk, "Doe^Jane", "P-FIRST")


@pytest.mark.django_db
def test_the_same_id_in_two_hospitals_or_of_two_issuers_is_never_one_patient() -> None:
    north, south = HospitalFactory(), HospitalFactory()
    patients = {
        find_or_create(hospital=hospital, issuer=issuer, patient_id="1", pseudonym=f"P-{issuer}").pk
        for hospital in (north, south)
        for issuer in ("A", "B")
    }
    assert len(patients) == 4


@pytest.mark.django_db
def test_a_pseudonym_of_another_patient_is_refused() -> None:
    hospital = HospitalFactory()
    find_or_create(hospital=hospital, issuer="", patient_id="1", pseudonym="P-ONE")
    with pytest.raises(UserError) as refused:
        find_or_create(hospital=hospital, issuer="", patient_id="2", pseudonym="P-ONE")
    assert refused.value.code == "pseudonym_taken"
    assert Patient.objects.count() == 1


@pytest.mark.django_db
def test_a_made_pseudonym_that_is_taken_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hospital = HospitalFactory()
    made = iter(["P-AAAAA", "P-AAAAA", "P-BBBBB"])
    monkeypatch.setattr(services, "new_pseudonym", lambda: next(made))
    pseudonyms = [
        find_or_create(hospital=hospital, issuer="", patient_id=patient_id).pseudonym for patient_id in "12"
    ]
    assert pseudonyms == ["P-AAAAA", "P-BBBBB"]


@pytest.mark.django_db(transaction=True)
def test_many_that_add_the_same_patient_at_once_get_the_same_one() -> None:
    hospital, found = HospitalFactory(), []
    barrier = threading.Barrier(6)

    def add() -> None:
        barrier.wait(20)
        try:
            found.append(find_or_create(hospital=hospital, issuer="", patient_id="1", pseudonym="P-SAME").pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 6
    assert set(found) == {Patient.objects.get().pk}


def test_pseudonyms_are_random_and_cannot_be_misread() -> None:
    made = {new_pseudonym() for _ in range(500)}
    assert len(made) > 495
    assert all(len(pseudonym) == 7 and set(pseudonym[2:]) <= set(LETTERS) for pseudonym in made)
    assert not set("01OILU") & set(LETTERS)
