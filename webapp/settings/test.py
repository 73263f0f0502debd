"""Settings of the test run. ``tests/conftest.py`` starts PostgreSQL and Valkey and sets their URLs."""

from __future__ import annotations

from webapp.settings.base import *  # noqa: F403

SECRET_KEY = "tests-only-" + "x" * 50
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in the demo: threads share an in-memory database in a way that the demo never meets.
    DATABASES["default"]["TEST"] = {"NAME": str(LUNGSIGHT_DATA / "tests.sqlite3")}  # noqa: F405
