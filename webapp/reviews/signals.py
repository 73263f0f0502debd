"""What the reviews app tells the floors above it."""

from __future__ import annotations

from django.dispatch import Signal

reading_signed = Signal()
"""A reading was signed. Argument: ``reading`` (Reading). Sent inside the signing transaction, so that what
receivers write is kept together with the signature or not at all; a receiver that raises undoes both."""
