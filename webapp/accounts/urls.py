"""Pages and API routes of the accounts app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from allauth.account import views as allauth
from django.urls import URLPattern, URLResolver, path

# Only these pages of allauth: nobody signs up or changes addresses by themselves.
page_urls: list[URLPattern | URLResolver] = [
    path("accounts/login/", allauth.login, name="account_login"),
    path("accounts/logout/", allauth.logout, name="account_logout"),
    path("accounts/inactive/", allauth.account_inactive, name="account_inactive"),
    path("accounts/password/change/", allauth.password_change, name="account_change_password"),
]
api_urls: list[URLPattern | URLResolver] = []
