"""Sentences that pages, API and exports share, so that they say the same everywhere."""

from __future__ import annotations

RESEARCH_USE = "Research use only. Not a medical device."
NOT_FOUND = "There is nothing here that you may see."
FORBIDDEN = "Your role does not allow this."
FORBIDDEN_HINT = "Ask the lead of the cohort or the administrator of this site."
SIGNED_OUT = "You are not signed in."
SIGNED_OUT_HINT = "Sign in and send it again. What you typed is kept on your side."
CREDENTIAL_REFUSED = "The token is wrong, has expired or was revoked."
CREDENTIAL_REFUSED_HINT = "Get a new token with e-mail and password."
OUR_FAULT = "Something went wrong on our side. Nothing you did was lost."
OUR_FAULT_HINT = "Try again. If it happens again, give the reference to the administrator of this site."
BAD_REQUEST = "The request could not be read."
FORM_EXPIRED = "This page was open too long to be sent safely."
FORM_EXPIRED_HINT = "Go back, load the page again and send it once more."
DEMO_DATABASE = "Demo on SQLite: one host, a few users. Use PostgreSQL for studies that matter."
