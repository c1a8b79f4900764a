"""Valid or nearly: fields that overlap, fragments, directives, operations, variables."""

from __future__ import annotations

from tests.hostile import (
    Hostile,
    document,
    many,
    request,
    shape,
)

# Fields that overlap.


@shape
def _one_value_again_and_again() -> str:
    return f"{{ viewer {{ {many('tenantId', 1)} }} }}"


@shape
def _one_field_with_arguments_again_and_again() -> str:
    return f"{{ {many('event(id: 1) {{ id }}'.replace('{{', '{').replace('}}', '}'), 9)} }}"


@shape
def _one_page_again_and_again() -> str:
    return f"{{ {many('cameras { nodes { id name } }', 8)} }}"


@shape
def _one_field_of_different_arguments() -> str:
    return f"{{ {many('event(id: {n}) { id }', 9)} }}"


@shape
def _one_alias_of_different_fields() -> str:
    return f"{{ viewer {{ {many('x: f{n}', 3)} }} }}"


@shape
def _inline_fragments_beside_each_other() -> str:
    return f"{{ viewer {{ {many('... { tenantId }', 4)} }} }}"


@shape
def _inline_fragments_of_pages_beside_each_other() -> str:
    return f"{{ {many('... { cameras { nodes { id } } }', 10)} }}"


@shape
def _inline_fragments_within_each_other() -> str:
    return "{ viewer " + "{ ... " * 90 + "{ tenantId }" + "}" * 91


@shape
def _nested_fields_side_by_side() -> str:
    deep = "events { nodes { camera " * 3 + "{ id }" + " } }" * 3
    return f"{{ {many('cameras { nodes { ' + deep + ' } }', 32)} }}"


@shape
def _fields_of_a_union() -> str:
    parts = "... on EventChange { kind event { id } } ... on EventGap { reason }"
    return f"subscription {{ events {{ {many(parts, 16)} }} }}"


# Fragments.


@shape
def _fragments_that_spread_the_next_twice() -> str:
    chain = "".join(f"fragment F{n} on Viewer {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    return f"{{ viewer {{ ...F0 }} }} {chain} fragment F60 on Viewer {{ tenantId }}"


@shape
def _fragments_that_spread_the_next_in_fields() -> str:
    chain = "".join(
        f"fragment F{n} on Event {{ camera {{ events {{ nodes {{ {f'...F{n + 1} ' * 2} }} }} }} }}"
        for n in range(40)
    )
    return f"{{ event(id: 1) {{ ...F0 }} }} {chain} fragment F40 on Event {{ id }}"


@shape
def _fragments_that_spread_all_later_ones() -> str:
    count = 24
    chain = "".join(
        f"fragment F{n} on Viewer {{ scopes {' '.join(f'...F{m}' for m in range(n + 1, count))} }}"
        for n in range(count)
    )
    return f"{{ viewer {{ ...F0 }} }} {chain}"


@shape
def _fragments_that_all_spread_each_other() -> str:
    count = 20
    chain = "".join(
        f"fragment F{n} on Viewer {{ {' '.join(f'...F{m}' for m in range(count))} tenantId }}"
        for n in range(count)
    )
    return f"{{ viewer {{ ...F0 }} }} {chain}"


@shape
def _a_long_cycle_of_fragments() -> str:
    count = 110
    chain = "".join(f"fragment F{n} on Viewer {{ ...F{(n + 1) % count} }}" for n in range(count))
    return f"{{ viewer {{ ...F0 }} }} {chain}"


@shape
def _one_fragment_again_and_again() -> str:
    return f"{{ viewer {{ {many('...F', 2)} }} }} fragment F on Viewer {{ tenantId }}"


@shape
def _many_fragments_of_the_same() -> str:
    count = 88
    parts = " ".join(f"fragment F{n} on Viewer {{ tenantId scopes }}" for n in range(count))
    return f"{{ viewer {{ {' '.join(f'...F{n}' for n in range(count))} }} }} {parts}"


@shape
def _many_fragments_of_fields_with_fields() -> str:
    count = 55
    parts = " ".join(
        f"fragment F{n} on Query {{ cameras {{ nodes {{ id name }} }} }}" for n in range(count)
    )
    return f"{{ {' '.join(f'...F{n}' for n in range(count))} }} {parts}"


@shape
def _fragments_that_are_not_used() -> str:
    return f"{{ viewer {{ tenantId }} }} {many('fragment F{n} on Viewer { tenantId }', 7)}"


@shape
def _fragments_that_are_not_there() -> str:
    return f"{{ {many('...F{n}', 2)} }}"


@shape
def _fragments_of_one_name() -> str:
    return f"{{ viewer {{ ...F }} }} {many('fragment F on Viewer { tenantId }', 7)}"


# Directives, operations, variables.


@shape
def _one_directive_again_and_again() -> str:
    return f"{{ viewer {{ tenantId {many('@skip(if: false)', 7)} }} }}"


@shape
def _unknown_directives() -> str:
    return f"{{ viewer {{ tenantId {many('@a{n}', 2)} }} }}"


@shape
def _directives_on_many_fields() -> str:
    return f"{{ viewer {{ {many('tenantId @include(if: true)', 8)} }} }}"


@shape
def _operations_of_one_name() -> str:
    return many("query Q { viewer { tenantId } }", 8)


@shape
def _operations_without_a_name() -> str:
    return many("{ viewer { tenantId } }", 6)


@request
def _operations_of_which_one_is_run() -> Hostile:
    return document(many("query Q{n} { viewer { tenantId } }", 8), operationName="Q7")


@request
def _a_name_of_an_operation_that_is_not_there() -> Hostile:
    return document("query Q { viewer { tenantId } }", operationName="Q" * 900_000)


@shape
def _variables_that_are_not_used() -> str:
    return f"query ({many('$v{n}: Int = 1', 6)}) {{ viewer {{ tenantId }} }}"


@shape
def _variables_that_are_not_there() -> str:
    return f"{{ {many('event(id: $v{n}) { id }', 10)} }}"


@shape
def _variables_of_many_operations() -> str:
    fields = "event(id: $v) { id }"
    return many(f"query Q{{n}}($v: ID!) {{ {fields} {fields} }}", 32)


@shape
def _variables_in_many_fragments() -> str:
    count = 40
    parts = " ".join(
        f"fragment F{n} on Query {{ e{n}: event(id: $v{n}) {{ id }} ...F{n + 1} }}"
        for n in range(count)
    )
    last = f"fragment F{count} on Query {{ __typename }}"
    return f"query A {{ ...F0 }} query B {{ ...F0 }} {parts} {last}"


@shape
def _variables_in_a_list() -> str:
    count = 130
    names = " ".join(f"$v{n}" for n in range(count))
    given = " ".join(f'$v{n}: ID! = "a"' for n in range(count))
    return f"query ({given}) {{ events(filter: {{cameraIds: [{names}]}}) {{ nodes {{ id }} }} }}"


@request
def _switches_of_fields() -> Hostile:
    count = 80
    given = " ".join(f"$v{n}: Boolean!" for n in range(count))
    fields = " ".join(f"name @include(if: $v{n})" for n in range(count))
    return document(
        f"query ({given}) {{ cameras {{ nodes {{ {fields} }} }} }}",
        variables={f"v{n}": n % 2 == 0 for n in range(count)},
    )
