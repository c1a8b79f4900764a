from __future__ import annotations

import pytest
from graphql import OperationType, get_introspection_query

from schema.documents import prepare
from schema.errors import TOO_COSTLY, Refused
from schema.limits import MAX_CHARACTERS, MAX_TOKENS

SEVERAL = 'query A { viewer { tenantId } } mutation B { cameraDelete(id: "x") { deletedId } }'


def refusal(text: str, name: str | None = None) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        prepare(text, name)
    error = refused.value.errors[0]
    return error["extensions"]["code"], error["message"]


def test_the_only_operation_needs_no_name() -> None:
    assert prepare("{ viewer { tenantId } }", None).kind is OperationType.QUERY


def test_one_of_several_operations_is_picked_by_its_name() -> None:
    assert prepare(SEVERAL, "A").kind is OperationType.QUERY
    assert prepare(SEVERAL, "B").kind is OperationType.MUTATION


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SEVERAL, None),
        (SEVERAL, ""),
        (SEVERAL, "C"),
        (SEVERAL, "a"),
        ("{ viewer { tenantId } }", "A"),
        ("query A { viewer { tenantId } }", "B"),
    ],
)
def test_a_name_that_does_not_say_which_operation_is_refused(text: str, name: str | None) -> None:
    assert refusal(text, name)[0] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "text",
    ["", "   ", "#", "{", "{ viewer }}", "{ viewer { tenantId } } \0", "query", '{ "\\ud800" }'],
)
def test_what_is_no_graphql_is_told_with_its_place(text: str) -> None:
    code, message = refusal(text)
    assert (code, message.startswith("Syntax Error")) == ("GRAPHQL_PARSE_FAILED", True)


@pytest.mark.parametrize(
    "text",
    [
        "{ nothing }",
        "{ viewer }",
        "{ viewer { tenantId { x } } }",
        '{ cameras(first: "5") { nodes { id } } }',
        "{ cameras(last: 5) { nodes { id } } }",
        "query ($x: Int) { viewer { tenantId } }",
        "{ ...F } fragment F on Query { ...F }",
        "subscription { events { __typename } cameras { id } }",
        "fragment F on Query { viewer { tenantId } }",
        "type Query { a: Int }",
        '{ camera(id: "x") { hours(date: "2026-02-30") { hour } } }',
        '{ events(filter: { since: "yesterday" }) { nodes { id } } }',
        "{ events(filter: { nothing: 1 }) { nodes { id } } }",
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    ],
)
def test_what_does_not_fit_the_schema_is_refused(text: str) -> None:
    assert refusal(text)[0] == "GRAPHQL_VALIDATION_FAILED"


def test_a_document_has_limits_of_length() -> None:
    assert refusal("#" * (MAX_CHARACTERS + 1))[0] == "DOCUMENT_TOO_LONG"
    many = "{" + " viewer{tenantId}" * (MAX_TOKENS // 4) + "}"
    assert "tokens" in refusal(many)[1]
    prepare("{ viewer { tenantId } } #" + "x" * (MAX_CHARACTERS - 30), None)


def test_a_document_has_limits_of_extent() -> None:
    deep = "{ camera(id: 1) " + "{ events { nodes { camera " * 4 + "{ id }" + " } } }" * 4 + " }"
    code, message = refusal(deep)
    assert (code, "levels of fields" in message) == ("OPERATION_TOO_DEEP", True)


def test_fragments_that_each_spread_the_next_twice_are_checked_in_no_time() -> None:
    chain = "".join(f"fragment F{n} on Query {{...F{n + 1} ...F{n + 1}}}" for n in range(60))
    text = f"{{...F0}} {chain} fragment F60 on Query {{ viewer {{ tenantId }} }}"
    assert refusal(text)[0] == TOO_COSTLY


def test_thousands_of_unused_fragments_are_too_many_tokens() -> None:
    unused = "".join(f"fragment F{n} on Query {{__typename}}" for n in range(5_000))
    assert refusal(f"{{ viewer {{ tenantId }} }} {unused[:60_000]}")[0] == "TOO_MANY_TOKENS"


@pytest.mark.parametrize("digits", [41, 400, 5_000, 50_000])
def test_a_long_number_tells_nothing_of_python(digits: int) -> None:
    code, message = refusal("{ cameras(first: " + "9" * digits + ") { nodes { id } } }")
    assert (code, message) == ("WORD_TOO_LONG", "a number has more than 40 digits")


def test_errors_do_not_repeat_credentials() -> None:
    text = """mutation { cameraCreate(input: {
      name: "x", rtspUrl: "rtsp://admin:hunter2@10.0.0.1/s", fps: "x" }) { camera { id } } }"""
    code, message = refusal(text)
    assert (code, "hunter2" in message) == ("GRAPHQL_VALIDATION_FAILED", False)


def test_introspection_is_valid() -> None:
    prepare(get_introspection_query(input_value_deprecation=True), None)
