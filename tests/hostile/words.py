"""Long words, much that is no word, deep nesting, and the schema asked for."""

from __future__ import annotations

from tests.hostile import (
    MOST_CHARACTERS,
    many,
    shape,
)

# Text.


@shape
def _comments() -> str:
    return "{ viewer { tenantId } }" + "#\n" * ((MOST_CHARACTERS - 30) // 2)


@shape
def _one_comment() -> str:
    return "{ viewer { tenantId } }#" + "x" * (MOST_CHARACTERS - 30)


@shape
def _blanks_and_commas() -> str:
    return "{ viewer {" + " ,\t\n" * ((MOST_CHARACTERS - 40) // 4) + " tenantId } }"


@shape
def _one_name() -> str:
    return "{ " + "a" * (MOST_CHARACTERS - 10) + " }"


@shape
def _one_long_type() -> str:
    return "{ ... on " + "a" * (MOST_CHARACTERS - 30) + " { a } }"


@shape
def _one_string() -> str:
    return '{ event(id: "' + "x" * (MOST_CHARACTERS - 40) + '") { id } }'


@shape
def _one_string_of_escapes() -> str:
    return '{ event(id: "' + "\\u{1F600}" * ((MOST_CHARACTERS - 40) // 9) + '") { id } }'


@shape
def _one_string_of_short_escapes() -> str:
    return '{ event(id: "' + "\\n" * ((MOST_CHARACTERS - 40) // 2) + '") { id } }'


@shape
def _one_block_string() -> str:
    return '{ event(id: """' + "  x\n" * ((MOST_CHARACTERS - 40) // 4) + '""") { id } }'


@shape
def _one_block_string_of_quotes() -> str:
    return '{ event(id: """' + '\\"""' * ((MOST_CHARACTERS - 40) // 4) + '""") { id } }'


@shape
def _long_strings_in_a_list() -> str:
    each = '"' + "x" * 60 + '"'
    return f"{{ events(filter: {{cameraIds: [{' '.join([each] * 900)}]}}) {{ nodes {{ id }} }} }}"


@shape
def _one_number() -> str:
    return "{ event(id: " + "9" * (MOST_CHARACTERS - 40) + ") { id } }"


@shape
def _opened_and_never_closed() -> str:
    return "{a" * 499


@shape
def _more_tokens_than_are_read() -> str:
    return "{ " + "a " * (MOST_CHARACTERS // 2 - 10) + "}"


@shape
def _nested_lists() -> str:
    return "{ event(id: " + "[" * 450 + "]" * 450 + ") { id } }"


@shape
def _nested_objects() -> str:
    return "{ events(filter: " + "{a:" * 300 + "1" + "}" * 300 + ") { nodes { id } } }"


@shape
def _nested_types_of_a_variable() -> str:
    return "query ($v: " + "[" * 450 + "Int" + "]" * 450 + ") { viewer { tenantId } }"


# The schema asked for.


@shape
def _the_schema_in_depth() -> str:
    return "{ __schema { types { fields { type " + "{ ofType " * 300 + "{ name }" + "}" * 304


@shape
def _the_schema_around_in_circles() -> str:
    circle = "fields { type { " * 3 + "name" + " } }" * 3
    return f"{{ __schema {{ types {{ {circle} }} }} }}"


@shape
def _the_schema_as_broadly_as_allowed() -> str:
    some = (
        "name description fields(includeDeprecated: true) { name description type { name kind } }"
    )
    return f"{{ __schema {{ types {{ {some} }} }} }}"


@shape
def _types_by_name() -> str:
    some = 'a{n}: __type(name: "Event") { fields { name args { name } } }'
    return f"{{ {many(some, 19, 29 * 19)} }}"
