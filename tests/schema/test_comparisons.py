"""Comparisons of models over GraphQL."""

from __future__ import annotations

from typing import Any

import pytest

from models.comparison import ComparisonTable
from resolvers import comparison_jobs, comparisons
from resolvers.comparisons import MOST_UNFINISHED
from resolvers.context import World
from resolvers.jobs import Fault
from tests.comparing import FOUND, asked, at, kept, ready, taken, watched
from tests.exporting import LATER
from tests.schema.service import ask, codes, data, served
from tests.schema.socket_client import opened
from tests.schema.test_evidence import token_of
from tests.statements import counted
from tests.world import context, token

CREATE = """mutation ($input: ComparisonCreateInput!) { done: comparisonCreate(input: $input) {
  comparison { id state from to cameraId camera { id } model modelVersion begin against
    againstVersion progress { doneSeconds expectedSeconds } counts { same } error { code message }
    differences { nodes { kind } } createdBy deletedAt deletedBy }
  userErrors { code field } } }"""
DELETE = """mutation ($id: ID!) { done: comparisonDelete(id: $id) {
  comparison { id state deletedBy } userErrors { code field } } }"""
ONE = """query ($id: ID!, $kinds: [DifferenceKind!], $first: Int!, $after: String) {
  comparison(id: $id) { state modelVersion counts { same changed lost new }
    progress { doneSeconds expectedSeconds } error { code message }
    differences(kinds: $kinds, first: $first, after: $after) {
      nodes { kind type overlap
        before { id ts confidence box { x } zoneIds }
        after { id ts playback { playlistUrl offset ts } } }
      pageInfo { hasNextPage endCursor } } } }"""
LIST = """query ($after: String) { comparisons(first: 2, after: $after) {
  nodes { id state cameraId camera { id } differences(first: 5) {
    nodes { kind after { playback { offset } } } } }
  pageInfo { hasNextPage endCursor } } }"""
FOLLOW = """subscription ($id: ID!) { comparisonProgress(id: $id) {
  state progress { doneSeconds } counts { new } } }"""
RANGE = {"from": "2026-05-29T12:00:00.000Z", "to": "2026-05-29T12:00:10.000Z"}


@pytest.fixture
async def here(world: World) -> World:
    await watched(world)
    return at(world)


async def created(world: World, **wanted: Any) -> dict[str, Any]:
    given = {"cameraId": "cam-gate", "model": "tiny", **RANGE, **wanted}
    done: dict[str, Any] = (await data(world, CREATE, {"input": given}, token_of("eva")))["done"]
    return done


async def one(world: World, comparison_id: str, **more: Any) -> dict[str, Any]:
    variables = {"id": comparison_id, "first": 10, **more}
    found: dict[str, Any] = (await data(world, ONE, variables))["comparison"]
    return found


async def test_a_comparison_is_asked_for_and_who_asked_is_on_record(here: World) -> None:
    done = await created(here, against="other", begin=0.6)
    assert done["comparison"].pop("id")
    assert done == {
        "comparison": {
            "state": "WAITING",
            **RANGE,
            "cameraId": "cam-gate",
            "camera": {"id": "cam-gate"},
            "model": "tiny",
            "begin": 0.6,
            "against": "other",
            "progress": {"doneSeconds": 0.0, "expectedSeconds": 20.0},
            "differences": {"nodes": []},
            "createdBy": "eva",
            **dict.fromkeys(("modelVersion", "againstVersion", "counts", "error")),
            **dict.fromkeys(("deletedAt", "deletedBy")),
        },
        "userErrors": [],
    }


async def test_a_ready_one_tells_what_differs_and_where_to_play_it(here: World) -> None:
    made = await ready(here)
    found = await one(here, str(made.id))
    assert (found["state"], found["modelVersion"]) == ("READY", "tiny@2024-01-02")
    assert found["counts"] == {"same": 1, "changed": 1, "lost": 1, "new": 2}
    lost, changed, new, later = found["differences"]["nodes"]
    assert (lost["kind"], lost["type"], lost["after"], lost["overlap"]) == (
        *("LOST", "PERSON", None, None),
    )
    assert lost["before"] == {
        "id": "c",
        "ts": "2026-05-29T12:00:01.000Z",
        "confidence": 0.75,
        "box": {"x": 0.4},
        "zoneIds": ["gate"],
    }
    assert (changed["overlap"], changed["before"]["id"], changed["after"]["id"]) == (0.5, "b", "2")
    assert new["before"] is None
    played = new["after"]["playback"]
    assert played["playlistUrl"].startswith("/v2/hls/cam-gate/2026-05-29/12/index.m3u8?grant=")
    assert (round(played["offset"], 3), played["ts"]) == (4.0, "2026-05-29T12:00:04.000Z")
    assert later["after"]["playback"] is None, "its frame was not recorded"


async def test_differences_come_in_pages_and_by_kind(here: World) -> None:
    made = str((await ready(here)).id)
    first = (await one(here, made, first=3))["differences"]
    assert [each["kind"] for each in first["nodes"]] == ["LOST", "CHANGED", "NEW"]
    after = first["pageInfo"]["endCursor"]
    second = (await one(here, made, first=3, after=after))["differences"]
    assert [each["kind"] for each in second["nodes"]] == ["NEW"]
    assert second["pageInfo"]["hasNextPage"] is False
    some = (await one(here, made, kinds=["NEW", "LOST"]))["differences"]
    assert [each["kind"] for each in some["nodes"]] == ["LOST", "NEW", "NEW"]
    wrong = await ask(here, ONE, {"id": made, "first": 2, "after": "x"})
    assert codes(wrong) == ["BAD_CURSOR"]


async def test_a_failed_one_says_why(here: World) -> None:
    await asked(context(here))
    job = await taken(here)
    await comparison_jobs.fail(here, job, Fault("MODEL_FAILED", "it does not load"))
    found = await one(here, str(job.id))
    assert found["error"] == {"code": "MODEL_FAILED", "message": "it does not load"}
    assert (found["state"], found["counts"]) == ("FAILED", None)


async def test_mistakes_come_as_user_errors(here: World) -> None:
    for wanted, mistakes in (
        ({"cameraId": "ghost"}, [("NOT_FOUND", None)]),
        ({"to": "2099-01-01T00:00:00Z"}, [("INVALID_INPUT", "to")]),
        (
            {"model": "x", "against": "y", "begin": 7},
            [("INVALID_INPUT", name) for name in ("begin", "model", "against")],
        ),
        ({"from": "2026-05-29T12:30:00Z", "to": "2026-05-29T12:31:00Z"}, [("NOT_RECORDED", None)]),
    ):
        done = await created(here, **wanted)
        assert done["comparison"] is None
        assert [(each["code"], each["field"]) for each in done["userErrors"]] == mistakes
    done = (await data(here, DELETE, {"id": "ghost"}))["done"]
    assert [each["code"] for each in done["userErrors"]] == ["NOT_FOUND"]
    assert await ComparisonTable.within("default").count() == 0


async def test_beyond_the_limit_comes_as_a_user_error(here: World) -> None:
    for _ in range(MOST_UNFINISHED):
        await asked(context(here))
    done = await created(here)
    assert [each["code"] for each in done["userErrors"]] == ["COMPARISON_LIMIT_REACHED"]


async def test_they_are_listed_with_what_differs_in_a_fixed_number_of_statements(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    await ready(here)
    await data(here, LIST)  # who asks is known from now on
    async with counted(caplog) as few:
        await data(here, LIST)
    for number in (1, 2):
        await ready(at(here, LATER + number))
    async with counted(caplog) as many:
        first = (await data(here, LIST))["comparisons"]
    assert len(many) == len(few)
    second = (await data(here, LIST, {"after": first["pageInfo"]["endCursor"]}))["comparisons"]
    assert [len(each["nodes"]) for each in (first, second)] == [2, 1]
    assert [each["kind"] for each in second["nodes"][0]["differences"]["nodes"]] == [
        *("LOST", "CHANGED", "NEW", "NEW"),
    ]


async def test_a_deleted_one_says_who_did_and_tells_nothing_more(here: World) -> None:
    made = await ready(here)
    done = (await data(here, DELETE, {"id": str(made.id)}, token_of("ada")))["done"]
    assert done == {
        "comparison": {"id": str(made.id), "state": "DELETED", "deletedBy": "ada"},
        "userErrors": [],
    }
    assert (await one(here, str(made.id)))["differences"]["nodes"] == []


async def test_another_tenants_is_absent(here: World) -> None:
    made = await ready(here)
    variables = {"id": str(made.id), "first": 5}
    assert (await data(here, ONE, variables, token("acme")))["comparison"] is None
    refused = await ask(here, DELETE, {"id": str(made.id)}, token("acme"))
    assert refused["data"]["done"]["userErrors"] == [{"code": "NOT_FOUND", "field": None}]
    assert await comparisons.comparison(context(here), str(made.id)) == made
    assert len(await kept(made)) == 4


async def test_without_the_scope_to_play_the_rest_is_told(here: World) -> None:
    made = await ready(here)
    bearer = token(scope="events:read")
    text = "query ($id: ID!) { comparison(id: $id) { differences { nodes { after { id } } } } }"
    found = await data(here, text, {"id": str(made.id)}, bearer)
    assert len(found["comparison"]["differences"]["nodes"]) == 4
    refused = await ask(here, ONE, {"id": str(made.id), "first": 5}, bearer)
    assert set(codes(refused)) == {"SCOPE_MISSING"}


async def test_progress_is_followed_to_the_end_and_completes(here: World) -> None:
    made = await asked(context(here))
    async with served(here) as place, opened(place) as socket:
        await socket.init({"token": token()})
        await socket.subscribe(FOLLOW, {"id": str(made.id)})
        states = [(await socket.next())["comparisonProgress"]["state"]]
        job = await taken(here)
        states.append((await socket.next())["comparisonProgress"]["state"])
        await comparison_jobs.keep(here, job, 5_000_000, 10_000_000)
        told = (await socket.next())["comparisonProgress"]
        assert told == {"state": "RUNNING", "progress": {"doneSeconds": 5.0}, "counts": None}
        await comparison_jobs.finish(here, job, FOUND, ["tiny@1"])
        last = (await socket.next())["comparisonProgress"]
        assert (states, last["state"]) == (["WAITING", "RUNNING"], "READY")
        assert last["counts"] == {"new": 2}
        assert (await socket.receive())["type"] == "complete"


async def test_following_what_is_not_there_is_refused(here: World) -> None:
    async with served(here) as place, opened(place) as socket:
        await socket.init({"token": token()})
        await socket.subscribe(FOLLOW, {"id": "ghost"})
        message = await socket.receive()
        assert message["type"] == "error"
        assert codes({"errors": message["payload"]}) == ["NOT_FOUND"]
