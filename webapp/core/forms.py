"""Forms of the management pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict

from webapp.core.errors import UserError
from webapp.core.models import RevisedRow
from webapp.core.revisions import StaleRevision

ROWS_PER_PAGE = 50


class HouseForm(forms.Form):
    """A form whose fields carry the house's classes and no colon after the label."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.CheckboxInput | forms.CheckboxSelectMultiple):
                field.widget.attrs.setdefault("class", "f")

    def refuse(self, error: UserError) -> None:
        """Show above the form why it was not saved."""
        self.add_error(None, f"{error.message} {error.hint}".strip())


class RevisionForm(HouseForm):
    """A form that changes a row as it was when the page was loaded."""

    revision = forms.IntegerField(widget=forms.HiddenInput)

    def changes(self) -> dict[str, Any]:
        """Return the fields without the revision."""
        return {name: value for name, value in self.cleaned_data.items() if name != "revision"}

    def show_conflict(self, error: StaleRevision, stored: str) -> None:
        """Keep what was typed, say what is stored now, and base the next try on it."""
        self.add_error(
            None,
            f"Somebody else saved revision {error.current.revision} meanwhile: {stored}. "
            "Nothing of yours was written. Save again to put your values in their place.",
        )
        typed = QueryDict(mutable=True)
        typed.update(self.data)
        typed["revision"] = str(error.current.revision)
        self.data = typed


def page_of(request: HttpRequest, rows: QuerySet[Any]) -> Page[Any]:
    """Return the page of ``rows`` that the address asks for; the nearest one if there is no such page."""
    return Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))


def initial(row: RevisedRow, *fields: str) -> dict[str, Any]:
    """Return the stored values a form starts from, with the revision."""
    return {field: getattr(row, field) for field in ("revision", *fields)}
