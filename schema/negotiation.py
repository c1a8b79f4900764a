"""Which of the media types that we can send a client wants (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"
HTML = "text/html"


def accepted(header: str) -> list[str]:
    """The media types of an `Accept` header, most wanted first, without those of q=0.

    `multipart/mixed` counts only as Apollo's subscription protocol.
    """
    found = []
    for part in _split(header):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media == MULTIPART and not any(
            each.startswith("subscriptionspec=") for each in parameters
        ):
            continue
        quality = _quality(parameters)
        if quality > 0:
            found.append((quality, media))
    return [media for _, media in sorted(found, key=lambda each: -each[0])]


def wanted(media: Sequence[str], offers: Sequence[str]) -> str | None:
    """The offer that the client wants most; the first one for a wildcard."""
    for each in media:
        if each in offers:
            return each
        if any(_matches(each, offer) for offer in offers):
            return next(offer for offer in offers if _matches(each, offer))
    return None


def _split(header: str) -> list[str]:
    return [part for part in header.split(",") if part.strip()]


def _quality(parameters: Sequence[str]) -> float:
    for each in parameters:
        if each.startswith("q="):
            try:
                return float(each[2:])
            except ValueError:
                return 0.0
    return 1.0


def _matches(pattern: str, offer: str) -> bool:
    return pattern == "*/*" or (pattern.endswith("/*") and offer.startswith(pattern[:-1]))
