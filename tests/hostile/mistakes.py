"""What is wrong in very many places."""

from __future__ import annotations

from tests.hostile import (
    many,
    shape,
)

# What is wrong in very many places.


@shape
def _unknown_fields() -> str:
    return f"{{ viewer {{ {many('tenantI{n}', 1)} }} }}"


@shape
def _unknown_long_fields() -> str:
    return "{ " + " ".join(f"{'tenantIdPlanScopes' * 8}{n}" for n in range(400)) + " }"


@shape
def _unknown_fields_of_a_union() -> str:
    return f"subscription {{ events {{ {many('cursor{n}', 1)} }} }}"


@shape
def _unknown_types() -> str:
    return f"{{ {many('... on Camer{n} { id }', 6)} }}"


@shape
def _unknown_arguments() -> str:
    return f"{{ event({many('ids{n}: 1', 3)}) {{ id }} }}"


@shape
def _unknown_input_fields() -> str:
    return f"{{ events(filter: {{ {many('cameraId{n}: 1', 3)} }}) {{ nodes {{ id }} }} }}"


@shape
def _unknown_enum_values() -> str:
    return f"{{ events(filter: {{types: [{many('PERSO{n}', 1)}]}}) {{ nodes {{ id }} }} }}"


@shape
def _wrong_values_in_a_list() -> str:
    return f"{{ events(filter: {{types: [{many('{n}', 1)}]}}) {{ nodes {{ id }} }} }}"


@shape
def _wrong_times() -> str:
    return f"{{ {many('events(filter: {since: 1}) { nodes { id } }', 15)} }}"


@shape
def _selections_of_values() -> str:
    return f"{{ viewer {{ {many('tenantId { a }', 4)} }} }}"


@shape
def _objects_without_a_selection() -> str:
    return f"{{ {many('viewer', 1)} }}"


@shape
def _root_fields_of_a_subscription() -> str:
    return f"subscription {{ {many('a{n}: cameras { kind }', 6)} }}"
