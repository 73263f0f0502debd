from __future__ import annotations

from tests.webapp.conftest import World
from webapp.accounts.models import Hospital


def test_an_administrator_adds_a_hospital(world: World) -> None:
    client = world.as_user(world.administrator)
    page = client.post("/manage/hospitals/", {"name": "Hospital East"}, format="multipart", follow=True)
    assert "Hospital East was added." in page.content.decode()
    assert Hospital.objects.filter(slug="hospital-east").exists()


def test_a_name_that_is_taken_is_refused_with_a_sentence(world: World) -> None:
    client = world.as_user(world.administrator)
    page = client.post("/manage/hospitals/", {"name": "Hospital North"}, format="multipart")
    assert "A hospital of this name exists already." in page.content.decode()


def test_of_two_administrators_the_second_sees_what_the_first_saved_and_keeps_their_words(
    world: World,
) -> None:
    client, address = world.as_user(world.administrator), f"/manage/hospitals/{world.north.pk}/"
    client.post(address, {"revision": 1, "name": "First"}, format="multipart")
    page = client.post(address, {"revision": 1, "name": "Second"}, format="multipart").content.decode()
    assert "the name is First" in page
    assert 'value="Second"' in page
    assert Hospital.objects.get(pk=world.north.pk).name == "First"
    client.post(address, {"revision": 2, "name": "Second"}, format="multipart")
    assert Hospital.objects.get(pk=world.north.pk).name == "Second"


def test_hospitals_are_searched_by_name(world: World) -> None:
    page = world.as_user(world.administrator).get("/manage/hospitals/?q=south").content.decode()
    assert "Hospital South" in page
    assert "Hospital North" not in page
