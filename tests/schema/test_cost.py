from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_introspection_query, parse, validate

from resolvers.context import World
from schema.cost import ASSUMED_ITEMS, LOOKUP, MAX_COST, OBJECT, ROW, VALUE, Price, cost_of
from schema.documents import CORE, prepare
from schema.errors import TOO_COSTLY, Refused
from schema.paging import MAX_FIRST
from tests.schema.service import ask, codes

HOURS = 400
"""What Camera.hours costs by itself."""

DATE = 'date: "2026-01-01"'
RANGE = 'from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z"'


def price(text: str, variables: dict[str, Any] | None = None) -> Price:
    document = parse(text)
    assert validate(CORE, document) == []
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return cost_of(CORE, document, operation, variables or {})


def cost(text: str, variables: dict[str, Any] | None = None) -> int:
    return price(text, variables).cost


def page(first: object, body: str) -> str:
    return f"{{ cameras(first: {first}) {{ nodes {{ {body} }} }} }}"


def test_what_is_below_a_page_counts_for_each_of_its_items() -> None:
    one = cost(page(1, "id"))
    assert cost(page(10, "id")) - one == 9 * (ROW + VALUE)
    assert cost(page(10, "id name fps")) - one == 9 * (ROW + 3 * VALUE) + 2 * VALUE
    edges = "{ cameras(first: 7) { edges { cursor node { id } } pageInfo { endCursor } } }"
    assert cost(edges) == LOOKUP + OBJECT + 7 * (ROW + VALUE + OBJECT + VALUE) + OBJECT + VALUE


def test_pages_within_pages_multiply() -> None:
    one, two = (cost(page(n, "events(first: 20) { nodes { id } }")) for n in (1, 2))
    assert two - one >= OBJECT + 20 * (ROW + VALUE)
    longer = cost(page(30, "events(first: 21) { nodes { id } }"))
    assert longer - cost(page(30, "events(first: 20) { nodes { id } }")) == 30 * (ROW + VALUE)


@pytest.mark.parametrize(
    "text",
    [
        page(100, "id name events(first: 5) { nodes { id type ts confidence snapshotUrl } }"),
        page(100, f"id hours({DATE}) {{ hour playlistUrl }}"),
        page(100, f"id coverage({RANGE}) {{ gapSeconds intervals {{ from to reason }} }}"),
        page(100, f"id playback({RANGE}) {{ playlistUrl }}"),
        "{ events(first: 100) { nodes { id type ts camera { name } playback { playlistUrl } } } }",
    ],
)
def test_a_wall_of_cameras_and_a_page_of_events_may_be_asked_for(text: str) -> None:
    assert cost(text) <= MAX_COST


def test_without_first_its_default_counts() -> None:
    assert cost("{ cameras { nodes { id } } }") == cost(page(50, "id"))


@pytest.mark.parametrize("first", [-1, MAX_FIRST + 1, 10**30])
def test_a_first_beyond_its_bounds_counts_as_the_most(first: int) -> None:
    """It is refused when it is executed, by its name."""
    text = "query Q($n: Int) { cameras(first: $n) { nodes { id } } }".replace("Int)", "Int!)")
    assert cost(text, {"n": first}) == cost(page(MAX_FIRST, "id"))


def test_variables_count_as_given_or_by_default() -> None:
    text = "query Q($n: Int! = 3) { cameras(first: $n) { nodes { id } } }"
    assert price(text) == Price(cost(page(3, "id")), varies=True)
    assert cost(text, {"n": 9}) == cost(page(9, "id"))
    assert cost(text, {"n": "many"}) == cost(page(MAX_FIRST, "id"))
    assert not price(page(3, "id")).varies


def test_fragments_count_wherever_they_are_spread() -> None:
    plain = cost("{ a: cameras(first: 5) { nodes { id } } b: cameras(first: 9) { nodes { id } } }")
    spread = (
        "{ a: cameras(first: 5) { ...Page } b: cameras(first: 9) { ... { ...Page } } }"
        " fragment Page on CameraConnection { nodes { ...One } } fragment One on Camera { id }"
    )
    assert cost(spread) == plain


def test_lists_that_are_no_pages_have_a_size() -> None:
    boxes = "{ event(id: 1) { boxes { x } } }"
    hours = '{ camera(id: 1) { hours(date: "2026-01-01") { hour } } }'
    assert cost(boxes) == LOOKUP + OBJECT + 2 * VALUE
    assert cost(hours) == LOOKUP + HOURS + ASSUMED_ITEMS * VALUE


def test_fragments_that_each_spread_the_next_twice_are_weighed_in_no_time() -> None:
    chain = " ".join(
        f"fragment F{n} on CameraConnection {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60)
    )
    text = (
        f"{{ cameras {{ ...F0 }} }} {chain} fragment F60 on CameraConnection {{ nodes {{ id }} }}"
    )
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    assert cost_of(CORE, document, operation, {}).cost > 2**60


def test_the_whole_schema_may_be_asked_for_once() -> None:
    text = get_introspection_query(input_value_deprecation=True)
    assert MAX_COST / 4 < cost(text) <= MAX_COST
    types = "types { ...FullType }"
    twice = f"{{ a: __schema {{ {types} }} b: __schema {{ {types} }} }}"
    fragments = text[text.index("fragment FullType") :]
    with pytest.raises(Refused) as refusal:
        prepare(twice + fragments, None)
    assert refusal.value.errors[0]["extensions"]["code"] == TOO_COSTLY


async def test_an_operation_that_may_cost_too_much_is_not_executed(world: World) -> None:
    inner = "events(first: 100) { nodes { camera { events(first: 100) { nodes { id } } } } }"
    answer = await ask(world, page(100, inner))
    assert codes(answer) == [TOO_COSTLY]
    assert "data" not in answer
    assert f"at most {MAX_COST}" in answer["errors"][0]["message"]


async def test_the_same_document_is_weighed_anew_with_other_variables(world: World) -> None:
    text = """query Q($n: Int!) { cameras(first: $n) { nodes { events(first: 100) {
        nodes { id name: typeName ts trackId } } } } }"""
    for _ in range(2):
        assert "errors" not in await ask(world, text, {"n": 3})
        assert codes(await ask(world, text, {"n": 100})) == [TOO_COSTLY]
