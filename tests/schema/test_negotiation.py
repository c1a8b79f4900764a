from __future__ import annotations

import pytest

from schema.negotiation import EVENT_STREAM, GRAPHQL_JSON, HTML, JSON, MULTIPART, accepted, wanted

APOLLO = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json'
CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("header", "media"),
    [
        ("", []),
        ("application/json", [JSON]),
        ("APPLICATION/JSON ; charset=utf-8", [JSON]),
        ("application/json;q=0.5, application/graphql-response+json", [GRAPHQL_JSON, JSON]),
        ("application/json;q=0, text/event-stream", [EVENT_STREAM]),
        ("application/json;q=x", []),
        ("multipart/mixed", []),
        (
            'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json',
            [MULTIPART, JSON],
        ),
        (",, ,", []),
    ],
)
def test_media_types_by_preference(header: str, media: list[str]) -> None:
    assert accepted(header) == media


@pytest.mark.parametrize(
    ("header", "offer"),
    [
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/graphql-response+json, */*", GRAPHQL_JSON),
        ("text/html, */*;q=0.1", JSON),
        ("text/html", None),
        ("text/*", None),
    ],
)
def test_the_offer_that_is_wanted_most(header: str, offer: str | None) -> None:
    assert wanted(accepted(header), (JSON, GRAPHQL_JSON)) == offer


def test_a_browser_wants_a_page() -> None:
    assert accepted(CHROMIUM)[0] == HTML
