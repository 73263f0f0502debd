from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from tests.webapp.conftest import World
from webapp.accounts.factories import UserFactory
from webapp.audit import chain, services
from webapp.audit.addresses import RequestAddress, current_address
from webapp.audit.models import AppendOnly, AuditEvent, Outcome, Seal
from webapp.audit.services import record

pytestmark = pytest.mark.django_db


def events(count: int) -> list[AuditEvent]:
    return [record(actor=None, action="test.done", details={"n": n}) for n in range(count)]


def tamper(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_event_holds_keys_of_actor_and_target_and_no_name(world: World) -> None:
    event = record(actor=world.reader, action="cohort.opened", target=world.cohort)
    assert event.actor_key == str(world.reader.pk)
    assert (event.target_type, event.target_key) == ("cohorts.cohort", str(world.cohort.pk))
    assert event.outcome == Outcome.DONE


def test_the_address_of_the_request_is_recorded_and_forgotten_after_it() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        record(actor=None, action="test.done")
        return HttpResponse()

    RequestAddress(view)(RequestFactory().get("/", REMOTE_ADDR="192.0.2.7"))
    assert AuditEvent.objects.get().address == "192.0.2.7"
    assert current_address() == ""


def test_events_cannot_be_changed_or_deleted() -> None:
    event = record(actor=None, action="test.done")
    event.action = "test.forged"
    with pytest.raises(AppendOnly):
        event.save()
    with pytest.raises(AppendOnly):
        event.delete()
    with pytest.raises(AppendOnly):
        AuditEvent.objects.update(action="test.forged")
    with pytest.raises(AppendOnly):
        AuditEvent.objects.filter(pk=event.pk).delete()
    assert AuditEvent.objects.get().action == "test.done"


def test_an_erased_user_leaves_their_events_as_they_were() -> None:
    user = UserFactory()
    record(actor=user, action="test.done")
    key = str(user.pk)
    services.seal()
    user.delete()
    assert AuditEvent.objects.get().actor_key == key
    assert chain.verify().fault == ""


def test_sealing_covers_each_event_once_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "BATCH", 4)
    events(10)
    assert [services.seal() for _ in range(4)] == [4, 4, 2, 0]
    verdict = chain.verify()
    assert (verdict.sealed, verdict.fault) == (10, "")
    assert verdict.head == Seal.objects.get(position=10).digest


def test_an_event_committed_late_is_sealed_later_and_breaks_nothing() -> None:
    early, late, last = events(3)
    Seal.objects.bulk_create([Seal(position=1, event=early, digest=chain.link(chain.START, early))])
    assert services.seal() == 2
    assert chain.verify().sealed == 3
    assert {late.seal.position, last.seal.position} == {2, 3}


FORGERIES = {
    "changed": "UPDATE audit_auditevent SET action = 'test.forged' WHERE id = {id}",
    "details changed": """UPDATE audit_auditevent SET details = '{{"n": 99}}' WHERE id = {id}""",
    "unsealed": "DELETE FROM audit_seal WHERE event_id = {id}",
    "seal forged": "UPDATE audit_seal SET digest = 'f' WHERE event_id = {id}",
}


@pytest.mark.parametrize("forgery", list(FORGERIES))
def test_a_forged_trail_is_found_out(forgery: str) -> None:
    middle = events(3)[1]
    services.seal()
    tamper(FORGERIES[forgery].format(id=middle.pk))
    verdict = chain.verify()
    assert verdict.sealed == 1
    assert verdict.fault
    with pytest.raises(CommandError, match="1 events"):
        call_command("verify_audit")


def test_verify_audit_prints_what_is_sealed_and_what_waits() -> None:
    events(2)
    services.seal()
    events(1)
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "2 sealed events are unchanged, 1 wait" in out.getvalue()
    assert chain.verify().head in out.getvalue()
