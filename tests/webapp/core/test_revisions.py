from __future__ import annotations

import pytest

from webapp.accounts.models import Hospital
from webapp.core.revisions import StaleRevision, change

pytestmark = pytest.mark.django_db


def test_a_change_based_on_the_stored_revision_is_written_and_counts_up() -> None:
    hospital = Hospital.objects.create(name="North", slug="north")
    changed = change(hospital, 1, name="North Hospital")
    assert (changed.name, changed.revision) == ("North Hospital", 2)


def test_a_change_based_on_an_old_revision_is_refused_and_shows_what_is_stored() -> None:
    hospital = Hospital.objects.create(name="North", slug="north")
    change(hospital, 1, name="North Hospital")
    with pytest.raises(StaleRevision) as stale:
        change(hospital, 1, name="Mine")
    assert stale.value.current.revision == 2
    assert Hospital.objects.get().name == "North Hospital"
