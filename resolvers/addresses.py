"""Where footage is served: the paths that both dialects hand out."""

from __future__ import annotations

from urllib.parse import quote, urlencode

PLAYLIST = "index.m3u8"


def hour_playlist(camera_id: str, hour: str, grant: str | None = None) -> str:
    """`hour` is `{date}/{hour}`; without a grant the player must bring a token."""
    return file_of_hour(camera_id, hour, PLAYLIST, grant)


def file_of_hour(camera_id: str, hour: str, name: str, grant: str | None = None) -> str:
    path = f"/v2/hls/{quote(camera_id, safe='')}/{hour}/{name}"
    return f"{path}?{urlencode({'grant': grant})}" if grant else path


def interval_playlist(camera_id: str, from_us: int, to_us: int, grant: str) -> str:
    query = urlencode({"from_us": from_us, "to_us": to_us, "grant": grant})
    return f"/v2/hls/{quote(camera_id, safe='')}/{PLAYLIST}?{query}"


def snapshot(camera_id: str, path: str, grant: str | None = None) -> str:
    """`path` is `{date}/{hour}/snap-<n>.jpg`, as an event holds it."""
    hour, _, name = path.rpartition("/")
    return file_of_hour(camera_id, hour, name, grant)
