"""Pages and API routes of the accounts app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from allauth.account import views as allauth
from django.urls import URLPattern, URLResolver, path

from webapp.accounts import api, views

# Only these pages of allauth: nobody signs up or changes addresses by themselves.
page_urls: list[URLPattern | URLResolver] = [
    path("accounts/login/", allauth.login, name="account_login"),
    path("accounts/logout/", allauth.logout, name="account_logout"),
    path("accounts/inactive/", allauth.account_inactive, name="account_inactive"),
    path("accounts/password/change/", allauth.password_change, name="account_change_password"),
    path("manage/hospitals/", views.hospitals, name="manage-hospitals"),
    path("manage/hospitals/<uuid:pk>/", views.hospital, name="manage-hospital"),
]
api_urls: list[URLPattern | URLResolver] = [
    path("auth/token/", api.TokenView.as_view(), name="token"),
    path("auth/logout/", api.LogoutView.as_view(), name="logout"),
    path("users/", api.UserList.as_view(), name="users"),
    path("users/<uuid:pk>/", api.UserDetail.as_view(), name="user"),
    path("users/<uuid:pk>/password/", api.UserPassword.as_view(), name="user-password"),
    path("hospitals/", api.HospitalList.as_view(), name="hospitals"),
    path("hospitals/<uuid:pk>/", api.HospitalDetail.as_view(), name="hospital"),
]
