"""Pages and API routes of the cohorts app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from webapp.cohorts import api
from webapp.cohorts.views import cohorts, members, users

page_urls: list[URLPattern | URLResolver] = [
    path("manage/", users.manage, name="manage"),
    path("manage/users/", users.users, name="manage-users"),
    path("manage/users/new/", users.new_user, name="manage-new-user"),
    path("manage/users/<uuid:pk>/", users.user, name="manage-user"),
    path("manage/users/<uuid:pk>/active/", users.activate, name="manage-user-active"),
    path("manage/users/<uuid:pk>/password/", users.password, name="manage-user-password"),
    path("manage/cohorts/", cohorts.cohorts, name="manage-cohorts"),
    path("manage/cohorts/<slug:slug>/", cohorts.cohort, name="manage-cohort"),
    path("manage/cohorts/<slug:slug>/guests/", cohorts.guests, name="manage-guests"),
    path("manage/cohorts/<slug:slug>/members/", members.add, name="manage-members"),
    path("manage/cohorts/<slug:slug>/members/<uuid:pk>/", members.change, name="manage-member"),
    path("manage/cohorts/<slug:slug>/members/<uuid:pk>/remove/", members.remove, name="manage-member-remove"),
]
api_urls: list[URLPattern | URLResolver] = [
    path("me/", api.MeView.as_view(), name="me"),
    path("cohorts/", api.CohortList.as_view(), name="cohorts"),
    path("cohorts/<slug:slug>/", api.CohortDetail.as_view(), name="cohort"),
    path("cohorts/<slug:slug>/members/", api.MemberList.as_view(), name="members"),
    path("cohorts/<slug:slug>/members/<uuid:pk>/", api.MemberDetail.as_view(), name="member"),
]
