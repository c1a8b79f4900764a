"""Where footage is served: the paths that both dialects hand out."""

from __future__ import annotations

from urllib.parse import quote, urlencode
from uuid import UUID

PLAYLIST = "index.m3u8"
I_FRAMES = "iframes.m3u8"


def hour_playlist(
    camera_id: str, hour: str, grant: str | None = None, from_position: int | None = None
) -> str:
    """`hour` is `{date}/{hour}`; without a grant the player must bring a token.

    `from_position`: the playlist begins with the segment at that place of the media timeline.
    """
    query = {} if from_position is None else {"from_position": str(from_position)}
    return _of_hour(camera_id, hour, PLAYLIST, query, grant)


def file_of_hour(
    camera_id: str, hour: str, name: str, grant: str | None = None, store_id: UUID | None = None
) -> str:
    """`store_id` says which of several stores has the file, where names alone might not tell."""
    query = {} if store_id is None else {"store": store_id.hex}
    return _of_hour(camera_id, hour, name, query, grant)


def _of_hour(camera_id: str, hour: str, name: str, query: dict[str, str], grant: str | None) -> str:
    path = f"/v2/hls/{quote(camera_id, safe='')}/{hour}/{name}"
    if grant:
        query = {**query, "grant": grant}
    return f"{path}?{urlencode(query)}" if query else path


def i_frames_of_hour(camera_id: str, hour: str, grant: str | None = None) -> str:
    """The playlist of one picture of each segment."""
    return _of_hour(camera_id, hour, I_FRAMES, {}, grant)


def interval_playlist(
    camera_id: str, from_us: int, to_us: int, grant: str, name: str = PLAYLIST
) -> str:
    """`name` is PLAYLIST or I_FRAMES."""
    query = urlencode({"from_us": from_us, "to_us": to_us, "grant": grant})
    return f"/v2/hls/{quote(camera_id, safe='')}/{name}?{query}"


def live_snapshot(camera_id: str, grant: str) -> str:
    """A picture of the camera as it is whenever it is fetched."""
    query = urlencode({"grant": grant})
    return f"/v2/live/{quote(camera_id, safe='')}/snapshot.jpg?{query}"


def snapshot(camera_id: str, path: str, grant: str | None = None) -> str:
    """`path` is `{date}/{hour}/snap-<n>.jpg`, as an event holds it."""
    hour, _, name = path.rpartition("/")
    return file_of_hour(camera_id, hour, name, grant)


def export_file(export_id: UUID, name: str, grant: str) -> str:
    return f"/v2/exports/{export_id}/{name}?{urlencode({'grant': grant})}"
