"""TOML that is written is read again as it was."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.detect.catalogue import catalogue
from media.detect.description import ModelDescription
from media.detect.toml_text import toml_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
FINITE = PLAIN.filter(lambda each: each not in (float("inf"), float("-inf")))
VALUES = FINITE | st.lists(FINITE) | st.dictionaries(TEXT, FINITE)
TABLES = st.dictionaries(
    TEXT, VALUES | st.dictionaries(TEXT, VALUES) | st.lists(st.dictionaries(TEXT, VALUES))
)


@given(TABLES)
def test_every_table_is_read_again_as_it_was(table: dict[str, object]) -> None:
    assert tomllib.loads(toml_of(table)) == table


def test_what_is_none_is_left_out() -> None:
    assert toml_of({"a": None, "b": {"c": None, "d": 1}}) == "\n[b]\nd = 1\n"


def test_what_toml_lacks_is_refused() -> None:
    with pytest.raises(TypeError, match="no TOML of set"):
        toml_of({"a": {1}})


@pytest.mark.parametrize("name", list(catalogue()))
def test_every_model_of_the_catalogue_can_be_written(name: str) -> None:
    described = catalogue()[name]

    assert ModelDescription.from_toml(described.to_toml()) == described
