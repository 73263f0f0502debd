"""A series with two regions, in the cohort of hospital north."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from tests.webapp.conftest import World
from webapp.analyses.factories import SHAPE, box_mask, finished_analysis, ready_series
from webapp.analyses.models import Analysis
from webapp.imaging.models import Series
from webapp.reviews.models import Reading

FIRST_BOX = (1, 2, 3, 3, 5, 7)
SECOND_BOX = (4, 6, 0, 5, 9, 2)


@pytest.fixture
def series(world: World) -> Series:
    return ready_series(world.cohort)


@pytest.fixture
def analysis(series: Series) -> Analysis:
    masks = [box_mask(SHAPE, FIRST_BOX), box_mask(SHAPE, SECOND_BOX)]
    return finished_analysis(series, {"density": masks})


def region_ids(analysis: Analysis) -> list[str]:
    return [str(region.pk) for region in analysis.regions.all()]


class Desk:
    """A reader's client on one reading that always sends the revision it knows."""

    def __init__(self, client: APIClient, reading: dict[str, Any]) -> None:
        self.client = client
        self.reading = reading

    @classmethod
    def begin(cls, client: APIClient, series: Series, **body: Any) -> Desk:
        response = client.post(f"/api/v1/series/{series.pk}/readings/", body)
        assert response.status_code == 201, response.json()
        return cls(client, response.json())

    @property
    def url(self) -> str:
        return f"/api/v1/readings/{self.reading['id']}/"

    @property
    def headers(self) -> dict[str, str]:
        return {"If-Match": f'"{self.reading["revision"]}"'}

    def patch(self, **body: Any) -> Any:
        return self._took(self.client.patch(self.url, body, headers=self.headers))

    def post(self, what: str, **body: Any) -> Any:
        return self._took(self.client.post(f"{self.url}{what}/", body, headers=self.headers))

    def delete(self, what: str) -> Any:
        return self._took(self.client.delete(f"{self.url}{what}/", headers=self.headers))

    def put_mask(self, region: str | UUID, box: Any, packed: bytes) -> Any:
        return self._took(
            self.client.put(
                f"{self.url}regions/{region}/mask?box={','.join(map(str, box))}",
                packed,
                content_type="application/octet-stream",
                headers=self.headers,
            )
        )

    def _took(self, response: Any) -> Any:
        if response.status_code in (200, 201):
            self.reading = response.json()
        return response


def stored(desk: Desk) -> Reading:
    return Reading.objects.get(pk=desk.reading["id"])
