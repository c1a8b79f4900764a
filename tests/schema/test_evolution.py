from __future__ import annotations

import re

import pytest

from schema.evolution import RELEASED, breaking_changes, check, notable_changes
from schema.sdl import sdl

OLD = """
directive @requires(scope: Scope!, otherwise: Otherwise! = REFUSED) on FIELD_DEFINITION
enum Scope { ANY CAMERAS_READ EVENTS_READ }
enum Otherwise { REFUSED NULL }
type Query {
  camera(id: ID!, deep: Boolean = false, old: Int @deprecated(reason: "none")): Camera
    @requires(scope: CAMERAS_READ)
  viewer: String! @requires(scope: ANY)
  storage: Storage @requires(scope: EVENTS_READ) @deprecated(reason: "Ask for system.")
}
type Camera { id: ID! status: Status url: String @requires(scope: EVENTS_READ, otherwise: NULL) }
type Storage { free: Int! }
enum Status { ONLINE OFFLINE GONE @deprecated(reason: "never came") }
"""


def test_this_schema_keeps_what_the_last_release_promised() -> None:
    assert check() == []


def test_the_released_schema_is_one_of_ours() -> None:
    released = RELEASED.read_text(encoding="utf-8")
    assert breaking_changes(released, released) == notable_changes(released, released) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("  viewer: String! @requires(scope: ANY)\n", "", "Query.viewer was removed."),
        ("viewer: String!", "viewer: String", "Query.viewer changed type from String! to String."),
        ("deep: Boolean = false", "deep: Boolean = true", "Query.camera(deep:) has changed"),
        ("deep: Boolean = false, ", "", "Query.camera(deep:) was removed."),
        ("ONLINE OFFLINE", "ONLINE", "Enum value Status.OFFLINE was removed."),
        ("(scope: CAMERAS_READ)", "(scope: EVENTS_READ)", "Query.camera requires EVENTS_READ"),
        (
            "otherwise: NULL)",
            "otherwise: REFUSED)",
            "Camera.url requires EVENTS_READ (else REFUSED)",
        ),
        ("id: ID! status", "id: ID! @requires(scope: CAMERAS_READ) status", "not nothing."),
    ],
)
def test_what_breaks_a_client_is_told(old: str, new: str, found: str) -> None:
    assert old in OLD
    [told] = breaking_changes(OLD, OLD.replace(old, new))
    assert found in told


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"  storage.*\n", ""),
        (r', old: Int @deprecated\(reason: "none"\)', ""),
        (r'GONE @deprecated\(reason: "never came"\)', ""),
        (r"@requires\(scope: CAMERAS_READ\)", "@requires(scope: ANY)"),
        (r"scope: EVENTS_READ\) @dep", "scope: CAMERAS_READ) @dep"),
        (r"type Storage", "type More { a: Int }\ntype Storage"),
    ],
)
def test_what_was_deprecated_or_only_grows_breaks_nobody(pattern: str, new: str) -> None:
    present = re.sub(pattern, new, OLD)
    assert present != OLD
    assert breaking_changes(OLD, present) == []


def test_a_type_that_only_a_deprecated_field_had_may_go_with_it() -> None:
    present = re.sub(r"  storage.*\n", "", OLD).replace("type Storage { free: Int! }", "")
    assert breaking_changes(OLD, present) == []


def test_growing_enumerations_are_told_for_the_changelog() -> None:
    [told] = notable_changes(OLD, OLD.replace("ONLINE OFFLINE", "ONLINE OFFLINE AWAY"))
    assert "Status.AWAY" in told
    assert breaking_changes(sdl(), sdl()) == []
