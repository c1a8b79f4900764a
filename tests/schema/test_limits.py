from __future__ import annotations

import pytest
from graphql import GraphQLError, get_introspection_query, parse

from schema.limits import MAX_ALIASES, MAX_DEPTH, MAX_DIGITS, MAX_NESTING, check_extent


def refusal(document: str) -> str:
    with pytest.raises(GraphQLError) as refused:
        check_extent(parse(document))
    return refused.value.message


def nested(levels: int) -> str:
    return "{a" * levels + "}" * levels


@pytest.mark.parametrize(
    "document",
    ["{}", "{a{}}", "{... {}}", "{a ...F} fragment F on Q {}", "{a} fragment F on Q {}"],
)
def test_a_selection_of_nothing_is_refused(document: str) -> None:
    assert refusal(document) == "want at least one field in a selection"


def test_fields_may_be_nested_up_to_the_limit() -> None:
    check_extent(parse(nested(MAX_DEPTH)))
    assert (
        refusal(nested(MAX_DEPTH + 1))
        == f"the operation has more than {MAX_DEPTH} levels of fields"
    )


def test_depth_counts_through_fragments() -> None:
    chain = "".join(f"fragment F{n} on Q {{a{{...F{n + 1}}}}}" for n in range(MAX_DEPTH))
    check_extent(parse(f"{{...F1}}{chain}fragment F{MAX_DEPTH} on Q {{a}}"))
    assert "levels of fields" in refusal(f"{{...F0}}{chain}fragment F{MAX_DEPTH} on Q {{a}}")


def test_inline_fragments_are_no_level_of_fields() -> None:
    check_extent(parse("{" + "... {" * (MAX_DEPTH * 2) + "a" + "}" * (MAX_DEPTH * 2) + "}"))


def test_aliases_are_counted_each_time_that_a_fragment_brings_them() -> None:
    check_extent(parse("{" + " ".join(f"a{n}: a" for n in range(MAX_ALIASES)) + "}"))
    pair = "fragment F on Q {x: a y: a}"
    spreads = " ".join(f"... on Q{{...F a{{b{n}}}}}" for n in range(MAX_ALIASES // 2))
    check_extent(parse(f"{{{spreads}}} {pair}"))
    assert "aliases" in refusal(f"{{{spreads} ...F}} {pair}")


@pytest.mark.parametrize(
    "spread", ["...F{} ...F{}", "a{{...F{}}} b{{...F{}}}", "x:a{{...F{}}} y:a{{...F{}}}"]
)
def test_fragments_that_each_spread_the_next_twice_are_measured_in_no_time(spread: str) -> None:
    chain = "".join(f"fragment F{n} on Q {{{spread.format(n + 1, n + 1)}}}" for n in range(60))
    document = parse(f"{{...F0}}{chain}fragment F60 on Q {{a}}")
    if "a" in spread:
        with pytest.raises(GraphQLError):
            check_extent(document)
    else:
        check_extent(document)


def test_thousands_of_unused_fragments_are_measured_in_no_time() -> None:
    check_extent(parse("{a}" + "".join(f"fragment F{n} on Q {{a}}" for n in range(5_000))))


def test_a_fragment_that_spreads_itself_is_left_to_validation() -> None:
    check_extent(parse("{...A} fragment A on Q {...B} fragment B on Q {...A} "))


def test_a_fragment_that_is_not_there_is_left_to_validation() -> None:
    check_extent(parse("{...Nowhere}"))


def test_nesting_of_any_kind_has_an_end() -> None:
    levels = MAX_NESTING + 1
    assert "levels of selections" in refusal("{... " * levels + "{a}" + "}" * levels)
    chain = "".join(f"fragment F{n} on Q {{...F{n + 1}}}" for n in range(levels))
    assert "levels of selections" in refusal(f"{{...F0}}{chain}fragment F{levels} on Q {{a}}")


def test_every_operation_of_a_document_is_measured() -> None:
    assert "levels of fields" in refusal(f"query A {{a}} query B {nested(MAX_DEPTH + 1)}")


@pytest.mark.parametrize("number", ["9" * 41, "-" + "9" * 40, "0." + "9" * 39, "1e" + "9" * 39])
def test_long_numbers_are_refused_wherever_they_stand(number: str) -> None:
    message = f"a number has more than {MAX_DIGITS} digits"
    assert refusal(f"{{a(x: {number})}}") == message
    assert refusal(f"{{a(x: {{y: [{number}]}})}}") == message
    assert refusal(f"query ($x: Int = {number}) {{a(x: $x)}}") == message
    assert refusal(f"{{a @skip(if: {number})}}") == message


def test_graphiqls_introspection_stays_within_the_limits() -> None:
    check_extent(parse(get_introspection_query(input_value_deprecation=True), max_tokens=1_000))
