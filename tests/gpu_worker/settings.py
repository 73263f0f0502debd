"""Settings of worker processes that tests start: the test run's own database."""

from __future__ import annotations

import os

from webapp.settings.test import *  # noqa: F403

DATABASES["default"]["NAME"] = os.environ["LUNGSIGHT_TEST_DATABASE_NAME"]  # noqa: F405
