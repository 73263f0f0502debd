"""Settings of the site, read from the environment. Without any variable it is the demo on this machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from webapp.settings.databases import sqlite
from webapp.settings.secrets import secret_key
from webapp.settings.valkey import socket_path

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
LUNGSIGHT_DATA = Path(env.str("LUNGSIGHT_DATA", default=str(BASE_DIR / "data"))).resolve()
LUNGSIGHT_VERSION = "0.1.0"

DEBUG = env.bool("LUNGSIGHT_DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or secret_key(LUNGSIGHT_DATA)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "axes",
    "channels",
    "csp",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "webapp.core",
    "webapp.audit",
    "webapp.accounts",
    "webapp.cohorts",
    "webapp.patients",
    "webapp.imaging",
    "webapp.analyses",
    "webapp.reviews",
    "webapp.learning",
    "webapp.reports",
    "webapp.supervisor",
]

MIDDLEWARE = [
    "webapp.core.middleware.RequestLog",
    "webapp.audit.addresses.RequestAddress",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "webapp.accounts.sessions.SessionLimits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "webapp.core.middleware.UserErrors",
]

ROOT_URLCONF = "webapp.urls"
ASGI_APPLICATION = "webapp.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps: these replace pages of allauth.
        "DIRS": [BASE_DIR / "webapp" / "core" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.core.banner.banner",
            ]
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL") if env.str("DATABASE_URL", "") else sqlite(LUNGSIGHT_DATA)}
REDIS_URL = env.str("REDIS_URL", default=f"unix://{socket_path(LUNGSIGHT_DATA)}")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = {"login_failed": False}
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "login"
AXES_USERNAME_CALLABLE = "webapp.accounts.signin.attempted_account"
AXES_LOCKOUT_CALLABLE = "webapp.accounts.signin.locked_out"
AXES_SENSITIVE_PARAMETERS = ["login", "email", "username"]
AXES_DISABLE_ACCESS_LOG = True
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
SESSION_IDLE_SECONDS = 30 * 60
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "webapp.core.pagination.Pages",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "EXCEPTION_HANDLER": "webapp.core.api.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lungsight",
    "DESCRIPTION": "Research use only. Not a medical device.",
    "VERSION": LUNGSIGHT_VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "WorkStateEnum": "webapp.core.models.WorkState",
        "UploadStateEnum": "webapp.imaging.models.UploadState",
        "SeriesStateEnum": "webapp.imaging.models.SeriesState",
        "ReadingStateEnum": "webapp.reviews.models.ReadingState",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
REST_KNOX = {"TOKEN_TTL": timedelta(days=7), "AUTO_REFRESH": False, "TOKEN_LIMIT_PER_USER": 20}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [("app", FRONTEND_DIST)] if FRONTEND_DIST.is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "webapp.core.compression.StaticFiles"},
}
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+[.-][0-9a-zA-Z_-]{8,12}\.(js|css|wasm|json|map|woff2)$"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, "'wasm-unsafe-eval'"],
        "worker-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "blob:"],
        "style-src": [SELF],
        "style-src-attr": ["'unsafe-inline'"],
        "font-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
if env.bool("LUNGSIGHT_HTTPS", default=False):
    # Behind a TLS proxy that sets X-Forwarded-Proto.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "webapp.core.views.csrf_failed"

FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_NUMBER_FILES = 20_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 << 20

LUNGSIGHT_LEASE_SECONDS = env.int("LUNGSIGHT_LEASE_SECONDS", default=60)
LUNGSIGHT_RECONCILE_SECONDS = env.int("LUNGSIGHT_RECONCILE_SECONDS", default=5)
LUNGSIGHT_TRIES = env.int("LUNGSIGHT_TRIES", default=2)
LUNGSIGHT_JOB_SECONDS = env.int("LUNGSIGHT_JOB_SECONDS", default=1800)
LUNGSIGHT_CHECK_SECONDS = env.int("LUNGSIGHT_CHECK_SECONDS", default=300)
LUNGSIGHT_UPLOAD_IDLE_SECONDS = env.int("LUNGSIGHT_UPLOAD_IDLE_SECONDS", default=600)
LUNGSIGHT_ARCHIVE_MB = env.int("LUNGSIGHT_ARCHIVE_MB", default=4096)
LUNGSIGHT_CHECK_MEMORY_MB = env.int("LUNGSIGHT_CHECK_MEMORY_MB", default=4096)
LUNGSIGHT_JOB_MEMORY_MB = env.int("LUNGSIGHT_JOB_MEMORY_MB", default=0)
"""Address space of the process that runs networks; 0 leaves it open, as a GPU needs."""
LUNGSIGHT_TORCH_THREADS = env.int("LUNGSIGHT_TORCH_THREADS", default=0)
"""Threads of one analysis; 0 leaves it to torch, which takes every core."""
LUNGSIGHT_DEMO_STUDIES = env.bool("LUNGSIGHT_DEMO_STUDIES", default=True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # Its lines hold whole addresses; core.middleware logs routes, core.views unexpected errors.
    "loggers": {"django.request": {"level": "CRITICAL"}},
}
