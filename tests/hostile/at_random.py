"""Documents that nobody thought of."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from tests.hostile import (
    MOST_CHARACTERS,
)

# More of them than anybody thinks of.

_NAMES = st.sampled_from(
    [
        "id",
        "name",
        "a",
        "viewer",
        "cameras",
        "events",
        "nodes",
        "node",
        "edges",
        "camera",
        "event",
        "__schema",
        "types",
        "fields",
        "tenantId",
        "__typename",
    ]
)
_ARGUMENTS = st.sampled_from(
    [
        "",
        "",
        "",
        "(id: 1)",
        "(id: $v)",
        "(first: 100)",
        "(filter: {types: [PERSON]})",
        '(after: "x")',
    ]
)
_DIRECTIVES = st.sampled_from(["", "", "", "@skip(if: $v)", "@include(if: true)", "@a", "@skip"])
_ALIASES = st.sampled_from(["", "", "", "x: ", "y: "])
_TYPES = st.sampled_from(["Query", "Camera", "Event", "Viewer", "EventStreamItem", "Nothing"])


@st.composite
def random_documents(draw: st.DrawFn) -> str:
    """Documents of fields and fragments that are repeated until they are as long as may be."""
    fragments = draw(st.integers(0, 30))
    spread = st.builds("...F{}".format, st.integers(0, max(fragments, 1)))
    field = st.builds("{}{}{} {}".format, _ALIASES, _NAMES, _ARGUMENTS, _DIRECTIVES)
    selection = st.recursive(
        st.one_of(field, spread),
        lambda below: st.builds(
            lambda start, inner, times: f"{start} {{ {' '.join(inner * times)} }}",
            st.one_of(field, st.builds("... on {}".format, _TYPES), st.just("...")),
            st.lists(below, min_size=1, max_size=4),
            st.integers(1, 8),
        ),
        max_leaves=12,
    )
    parts = [f"query Q($v: ID) {{ {' '.join(draw(st.lists(selection, min_size=1, max_size=8)))} }}"]
    for n in range(fragments):
        inner = " ".join(draw(st.lists(selection, min_size=1, max_size=3)))
        parts.append(f"fragment F{n} on {draw(_TYPES)} {{ {inner} }}")
    return "".join(_within(parts))


def _within(parts: list[str]) -> Iterator[str]:
    left = MOST_CHARACTERS
    for each in parts:
        left -= len(each)
        if left < 0:
            return
        yield each
