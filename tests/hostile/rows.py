"""What may be asked for, or nearly, over rows that are there."""

from __future__ import annotations

from tests.hostile import (
    RANGE,
    shape,
)

# What may be asked for, over rows that are there.


@shape
def _events_of_every_camera_with_playback() -> str:
    body = 'id hours(date: "2026-01-01") { hour } events(first: 4) { nodes { id ts snapshotUrl } }'
    return f"{{ cameras(first: 100) {{ nodes {{ {body} }} }} }}"


@shape
def _a_hundred_events_with_playback() -> str:
    body = "id ts payload camera { name } playback { playlistUrl offset }"
    return f"{{ events(first: 100) {{ nodes {{ {body} }} }} }}"


@shape
def _coverage_of_every_camera() -> str:
    body = f"id coverage({RANGE}) {{ gapSeconds intervals {{ from to reason }} }}"
    return f"{{ cameras(first: 100) {{ nodes {{ {body} }} }} }}"


@shape
def _playback_of_every_camera_aliased() -> str:
    some = " ".join(f"p{n}: playback({RANGE}) {{ playlistUrl }}" for n in range(4))
    return f"{{ cameras(first: 100) {{ nodes {{ id {some} }} }} }}"


@shape
def _aliases_of_a_costly_field() -> str:
    some = "events(first: 60) { nodes { id ts typeName boxes { x y } } }"
    return f"{{ {' '.join(f'a{n}: {some}' for n in range(29))} }}"


@shape
def _edges_and_nodes_of_many_fields() -> str:
    fields = (
        "id type typeName confidence ts endedAt trackId payload snapshotUrl traceId modelVersion"
    )
    some = f"events(first: 50) {{ nodes {{ {fields} }} edges {{ node {{ {fields} }} }} }}"
    return f"{{ {' '.join(f'a{n}: {some}' for n in range(12))} }}"
