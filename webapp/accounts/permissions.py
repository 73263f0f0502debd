"""What only administrators may do."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from webapp.accounts.models import User


class IsAdministrator(BasePermission):
    """Lists are 403 to others; single objects are 404, so that their ids tell nothing."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return whether an administrator asks."""
        if not isinstance(request.user, User):
            return False
        if not request.user.is_administrator and view.kwargs:
            raise Http404
        return request.user.is_administrator


def administrators_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Do the same for a page; who is not signed in is sent to the sign-in page."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not isinstance(request.user, User) or not request.user.is_administrator:
            if kwargs:
                raise Http404
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded
