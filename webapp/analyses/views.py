"""Pages of the analyses app: methods and models."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from diagnosis.segmentation_options import SEGMENTATIONS
from diagnosis.systems.availability import LEAST_AUC
from diagnosis.systems.catalogue import catalogue
from webapp.analyses.cards import card_of
from webapp.analyses.offered import told_systems


@require_safe
@login_required
def methods(request: HttpRequest) -> HttpResponse:
    """Show what every system and segmentation is, what its weights reached on phantoms, and their cards."""
    weights = {name: spec.weights for name, spec in catalogue().items()}
    systems = [
        told | {"card": card_of(file) if (file := weights[told["name"]]) else None} for told in told_systems()
    ]
    segmentations = [{"name": name, "card": card_of(name)} for name in SEGMENTATIONS]
    context = {"systems": systems, "segmentations": segmentations, "least_auc": LEAST_AUC}
    return render(request, "analyses/methods.html", context)
