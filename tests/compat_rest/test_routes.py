from __future__ import annotations

import re
from pathlib import Path

import pytest

from compat_rest.mapping import mapping
from compat_rest.operation import Operation, Socket, equal_field
from compat_rest.routes import operations, routes, sockets

GRAPHQL = {
    "Query.cameras",
    "Query.events",
    "Query.export",
    "Mutation.cameraCreate",
    "Mutation.cameraUpdate",
    "Mutation.cameraDelete",
    "Mutation.liveStart",
    "Mutation.liveStop",
    "Subscription.events",
    "Camera.hours",
    "Camera.playback",
    "Camera.snapshotUrl",
    "Event.playback",
}


def rows() -> list[tuple[str, Operation | Socket]]:
    return [(each.method, each) for each in operations] + [("WS", each) for each in sockets]


@pytest.mark.parametrize(("method", "row"), rows(), ids=lambda each: getattr(each, "path", each))
def test_a_handlers_docstring_names_its_own_address_and_field(
    method: str, row: Operation | Socket
) -> None:
    text = row.handler.__doc__ or ""
    assert text.startswith(f"{method} {row.path} = {row.equals}.")
    assert row.equals in GRAPHQL


def test_a_handler_that_names_no_field_is_a_mistake() -> None:
    async def forgetful() -> None:
        """GET /v2/api/cameras, somehow."""

    with pytest.raises(ValueError, match="forgetful does not say"):
        equal_field(forgetful)


def test_the_table_has_the_references_addresses() -> None:
    reference = """
        GET /v2/api/cameras
        POST /v2/api/cameras
        PATCH /v2/api/cameras/{id}
        DELETE /v2/api/cameras/{id}
        GET /v2/api/events
        WS /v2/ws/events
        GET /v2/api/playback/timeline
        GET /v2/api/playback/event/{id}
        GET /v2/hls/{cam}/{date}/{hour}/index.m3u8
    """
    wanted = {tuple(line.split()) for line in reference.strip().splitlines()}
    ours = {(method, row.path) for method, row in rows()}
    assert wanted <= ours
    assert ours - wanted == {
        ("GET", "/v2/hls/{cam}/index.m3u8"),
        ("GET", "/v2/hls/{cam}/iframes.m3u8"),
        ("GET", "/v2/hls/{cam}/{date}/{hour}/iframes.m3u8"),
        ("GET", "/v2/hls/{cam}/{date}/{hour}/{name}"),
        ("GET", "/v2/exports/{id}/{name}"),
        ("POST", "/v2/live/{cam}/whep"),
        ("DELETE", "/v2/live/{cam}/whep/{session}"),
        ("GET", "/v2/live/{cam}/snapshot.jpg"),
    }


def test_every_path_has_one_route() -> None:
    paths = [(type(route), getattr(route, "path", "")) for route in routes]
    assert len(paths) == len(set(paths))


def test_the_mapping_paper_is_current() -> None:
    paper = Path(__file__).parents[2] / "docs" / "rest-mapping.md"
    assert paper.read_text() == mapping(), (
        "run: python -m compat_rest.mapping > docs/rest-mapping.md"
    )


def test_the_mapping_has_a_row_for_every_route() -> None:
    shown = re.findall(r"^\| `(\S+) (\S+)` \| `(\S+)` \| `(\S+)` \|$", mapping(), re.MULTILINE)
    assert shown == [(method, row.path, row.equals, row.scope.value) for method, row in rows()]
