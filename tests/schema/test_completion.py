"""Plain values are completed in one go, and nobody can tell: answers are graphql-core's own."""

from __future__ import annotations

import asyncio
from enum import Enum
from inspect import isawaitable
from typing import Annotated, Any

import msgspec
import pytest
import strawberry
from graphql import Undefined, execute, parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema import completion
from schema.completion import MOST_PLANS, CompletingExecutor, Identified, Plans
from schema.scalars import SCALARS, Instant, Json


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"


@strawberry.type
class Stone:
    weight: float

    @strawberry.field
    def kind(self) -> str:
        return "stone"


@strawberry.type
class Thing:
    text: str
    maybe: str | None
    number: int
    ratio: float
    flag: bool
    key: strawberry.ID
    colour: Colour
    colours: list[Colour]
    at: Instant
    notes: Json
    words: list[str]
    gaps: list[str | None]
    table: list[list[int]]
    stone: Stone
    child: Thing | None
    children: list[Thing]
    odd: list[Thing | None] | None
    mixed: list[Annotated[Thing | Stone, strawberry.union("Mixed")]]

    @strawberry.field
    def loud(self) -> str:
        return self.text.upper()

    @strawberry.field
    def fragile(self) -> str | None:
        return str(1 // self.number)

    @strawberry.field
    def path(self, info: strawberry.Info) -> str:
        return ".".join(map(str, info.path.as_list()))

    @strawberry.field
    def start(self, length: int = 1) -> str:
        return self.text[:length]

    @strawberry.field
    async def later(self) -> Thing | None:
        await asyncio.sleep(0)
        return self.child


@strawberry.type
class Known(Identified):
    identity = 0
    times: strawberry.Private[int]

    @strawberry.field
    def seen(self) -> int:
        self.times += 1
        return self.times

    @strawberry.field
    async def later(self) -> str:
        return "later"


@strawberry.type
class Query:
    known: list[Known] | None = None
    things: list[Thing] = strawberry.field(default_factory=list)
    thing: Thing | None = None


schema = strawberry.Schema(query=Query, types=[Stone], config=StrawberryConfig(scalar_map=SCALARS))
CORE = schema._schema

WRONG: list[Any] = [
    *(None, "", "text", 0, -1, 2**40, 1.5, float("nan"), True, [], [None], {}, Stone(weight=1.0)),
    *(Colour.RED, "red", "RED", "GREEN", Undefined, ValueError("stored"), (1, "b"), {"a"}),
]

RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=3),
    "maybe": st.none() | st.text(max_size=3),
    "number": st.integers(-3, 3),
    "ratio": st.floats(-9, 9) | st.integers(-9, 9),
    "flag": st.booleans(),
    "key": st.sampled_from(["a", "b"]),
    "colour": st.sampled_from(Colour),
    "colours": st.lists(st.sampled_from(Colour), max_size=2),
    "at": st.integers(0, 10**16),
    "notes": st.sampled_from([{"a": [1]}, "note", 7]),
    "words": st.lists(st.text(max_size=2), max_size=2) | st.just(("a", "tuple")),
    "gaps": st.lists(st.none() | st.text(max_size=2), max_size=2),
    "table": st.lists(st.lists(st.integers(0, 3), max_size=2), max_size=2),
    "stone": st.builds(Stone, weight=st.floats(0, 1)),
}


def things(depth: int = 2) -> st.SearchStrategy[Thing]:
    below = things(depth - 1) if depth else st.nothing()
    some = st.lists(below, max_size=2) if depth else st.just([])
    nested: dict[str, st.SearchStrategy[Any]] = {
        "child": st.none() | below,
        "children": some,
        "odd": st.none() | st.lists(st.none() | below, max_size=2),
        "mixed": st.lists(below | RIGHT["stone"], max_size=2),
    }
    return st.builds(
        damaged,
        st.builds(Thing, **{**RIGHT, **nested}),
        st.dictionaries(st.sampled_from([*RIGHT, *nested]), st.sampled_from(WRONG), max_size=1),
        st.integers(0, 3),
    )


def damaged(thing: Thing, wrong: dict[str, Any], luck: int) -> Thing:
    """One in four holds something that its type does not allow."""
    for name, value in wrong.items() if luck == 0 else ():
        setattr(thing, name, value)
    return thing


LEAVES = [*RIGHT, "loud", "fragile", "path", "start", "__typename"]
LEAVES.remove("stone")
SWITCH = st.sampled_from(
    ["", "", "", "@skip(if: $a)", "@include(if: $b)", "@skip(if: $b) @include(if: $a)"]
)


def selections(depth: int) -> st.SearchStrategy[str]:
    leaf = st.just("start2: start(length: 2)") | st.builds(
        lambda aliased, name, switch: f"{f'x{name}: ' * aliased}{name} {switch}",
        st.booleans(),
        st.sampled_from(LEAVES),
        SWITCH,
    )
    stone = st.just("stone { weight kind __typename }") | st.just("stone { kind }")
    parts = leaf | stone
    if depth:
        inner = selections(depth - 1)
        nested = st.builds(
            lambda name, switch, body: f"{name} {switch} {body}",
            st.sampled_from(["child", "children", "odd", "later", "c: child"]),
            SWITCH,
            inner,
        )
        mixed = st.builds(lambda b: f"mixed {{ __typename ... on Thing {b} }}", inner)
        spread = st.builds(lambda switch, b: f"... {switch} {b}", SWITCH, inner)
        named = st.builds(lambda switch: f"...Common {switch}", SWITCH)
        parts = parts | nested | mixed | spread | named
    return st.lists(parts, min_size=1, max_size=5).map(lambda found: "{" + " ".join(found) + "}")


async def answered(
    query: str, root: Query, variables: dict[str, bool], plans: Plans | None
) -> tuple[Any, list[Any]]:
    completing: dict[str, Any] = {
        "executor_class": StrawberryGraphQLCoreExecutionContext
        if plans is None
        else CompletingExecutor
    }
    if plans is not None:
        completing["plans"] = plans
    found = execute(CORE, parsed(query), root, variable_values=variables, **completing)
    result = await found if isawaitable(found) else found
    return plain(result.data), [(e.message, e.path, e.locations) for e in result.errors or []]


def plain(data: Any) -> Any:
    """What is kept encoded, as values again."""
    if isinstance(data, dict):
        return {name: plain(value) for name, value in data.items()}
    if isinstance(data, list):
        return [plain(each) for each in data]
    return msgspec.json.decode(data) if isinstance(data, msgspec.Raw) else data


PARSED: dict[str, Any] = {}


def parsed(query: str) -> Any:
    """The same nodes each time: plans belong to them."""
    return PARSED.setdefault(query, parse(query))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    body=selections(2),
    common=selections(0),
    several=st.lists(things(), max_size=3),
    one=st.none() | things(),
    variables=st.lists(
        st.fixed_dictionaries({"a": st.booleans(), "b": st.booleans()}), min_size=1, max_size=3
    ),
)
def test_every_answer_is_the_one_of_the_stock_executor(
    body: str,
    common: str,
    several: list[Thing],
    one: Thing | None,
    variables: list[dict[str, bool]],
) -> None:
    query = (
        "query Q($a: Boolean!, $b: Boolean!) { __typename @skip(if: $a) @include(if: $b)"
        f" things {{ ...Common ...{body} }} thing {body} }} fragment Common on Thing {common}"
    )
    PARSED.clear()
    assert validate(CORE, parsed(query)) == []
    root, plans = Query(things=several, thing=one), Plans()

    async def compare() -> None:
        for given_now in variables:
            stock = await answered(query, root, given_now, None)
            ours = await answered(query, root, given_now, plans)
            assert repr(ours[0]) == repr(stock[0])  # the order of fields too
            assert ours[1] == stock[1]

    asyncio.run(compare())


def whole(**changed: Any) -> Thing:
    values: dict[str, Any] = {
        "text": "t",
        "maybe": None,
        "number": 1,
        "ratio": 0.5,
        "flag": True,
        "key": strawberry.ID("k"),
        "colour": Colour.RED,
        "colours": [Colour.GREEN],
        "at": 0,
        "notes": 1,
        "words": ["w"],
        "gaps": [None],
        "table": [[1]],
        "stone": Stone(weight=1.0),
        "child": None,
        "children": [],
        "odd": None,
        "mixed": [],
    }
    return Thing(**{**values, **changed})


async def test_what_a_type_does_not_allow_is_told_in_the_stock_executors_words() -> None:
    body = "{ " + " ".join([*LEAVES, "stone { weight }", "child { text }"]) + " }"
    query = f"{{ things {{ children {body} odd {body} ...{body} }} thing {body} }}"
    assert validate(CORE, parsed(query)) == []
    plans = Plans()
    for name in [*RIGHT, "child", "children", "odd"]:
        for value in WRONG:
            inner = damaged(whole(), {name: value}, 0)
            outer = damaged(whole(children=[whole(), inner], odd=[inner, None]), {name: value}, 0)
            root = Query(things=[whole(), whole(children=[inner])], thing=outer)
            stock = await answered(query, root, {}, None)
            ours = await answered(query, root, {}, plans)
            assert (name, value, repr(ours)) == (name, value, repr(stock))


class Counted(CompletingExecutor):
    """Counts what graphql-core was left to do."""

    fields = 0

    def execute_field(self, *args: Any) -> Any:
        Counted.fields += 1
        return super().execute_field(*args)


async def fields_left(query: str, root: Query) -> int:
    Counted.fields = 0
    found = execute(CORE, parsed(query), root, executor_class=Counted, plans=Plans())
    result = await found if isawaitable(found) else found
    assert not result.errors
    return Counted.fields


async def test_a_list_of_plain_objects_costs_one_field() -> None:
    root = Query(things=[whole(child=whole(), children=[whole()]) for _ in range(50)], thing=None)
    query = "{ things { text loud at colours child { text stone { kind } } children { key } } }"
    assert await fields_left(query, root) == 1


async def test_only_what_is_not_plain_is_left_to_graphql_core() -> None:
    root = Query(things=[whole(child=whole()) for _ in range(50)], thing=None)
    assert await fields_left("{ things { text path loud } }", root) == 1 + 50
    assert await fields_left("{ things { text later { text loud } } }", root) == 1 + 50


@pytest.mark.parametrize("switches", [10])
async def test_plans_of_a_document_are_bounded(switches: int) -> None:
    names = [f"s{n}" for n in range(switches)]
    head = ", ".join(f"${name}: Boolean!" for name in names)
    body = " ".join(f"x{name}: text @include(if: ${name})" for name in names)
    query = f"query Q({head}) {{ things {{ text {body} }} }}"
    plans, root = Plans(), Query(things=[whole()], thing=None)
    for bits in range(2**switches):
        variables = {name: bool(bits >> n & 1) for n, name in enumerate(names)}
        data, errors = await answered(query, root, variables, plans)
        assert len(data["things"][0]) == 1 + bits.bit_count()
        assert not errors
        assert len(plans) <= MOST_PLANS


def known(identity: int, times: int) -> Known:
    found = Known(times=times)
    found.identity = identity
    return found


async def test_what_was_answered_of_an_identity_is_answered_again() -> None:
    plans, query = Plans(), "{ known { seen } }"
    first = Query(known=[known(1, 0), known(2, 10), known(1, 20)])
    assert (await answered(query, first, {}, plans))[0]["known"] == [
        {"seen": 1},
        {"seen": 11},
        {"seen": 1},
    ]
    second = Query(known=[known(2, 30), known(3, 40)])
    assert (await answered(query, second, {}, plans))[0]["known"] == [{"seen": 11}, {"seen": 41}]


async def test_of_another_selection_it_is_answered_anew() -> None:
    root, plans = Query(known=[known(1, 0)]), Plans()
    assert (await answered("{ known { seen } }", root, {}, plans))[0]["known"] == [{"seen": 1}]
    query = "{ known { later seen } known { now: seen } }"
    for _ in range(2):
        data, _ = await answered(query, root, {}, plans)
        assert data["known"] == [{"later": "later", "seen": 2, "now": 3}]


async def test_answers_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "MOST_REMEMBERED", 5)
    monkeypatch.setattr(completion, "_remembered", completion._Remembered())
    root = Query(known=[known(n, n) for n in range(23)])
    data, _ = await answered("{ known { seen } }", root, {}, Plans())
    assert [each["seen"] for each in data["known"]] == list(range(1, 24))
    assert len(completion._remembered) <= 5


async def test_answers_that_are_kept_are_bounded_by_their_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(completion, "MOST_REMEMBERED_BYTES", 50)
    monkeypatch.setattr(completion, "_remembered", completion._Remembered())
    root = Query(known=[known(n, n) for n in range(23)])
    data, _ = await answered("{ known { seen } }", root, {}, Plans())
    assert [each["seen"] for each in data["known"]] == list(range(1, 24))
    assert 0 < len(completion._remembered) <= 50 // len('{"seen":1}')
