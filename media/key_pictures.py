"""The picture that each segment begins with, as a range of its file: I-frame playlists of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO

import msgspec

from media.boxes import RUN_BOX_BYTES, BoxError, first_picture_end, read_head
from media.playlist import (
    ENDLIST,
    NOTHING_REMOVED,
    Removed,
    Segment,
    media_lines,
    served_header,
    served_segments,
)
from media.store import CameraFolder, Hour, RecordingStore

_MOST_INDEX_BYTES = 1 << 20
"""A fragment of 10,000 frames has an index of 160 kB."""


class KeyPicture(msgspec.Struct, frozen=True):
    """Bytes [start, start + size) of a segment's file.

    They are a fragment's index (`moof`) and its data up to where the first picture, a keyframe,
    ends: what a player decodes of them, behind the init segment, is that picture.
    """

    start: int
    size: int


def key_picture(file: BinaryIO) -> KeyPicture | None:
    """Of a segment's file; None where it does not begin with a fragment that has a keyframe."""
    start, descriptor = RUN_BOX_BYTES, file.fileno()
    index_bytes, kind = read_head(file, start)
    if kind != b"moof" or index_bytes > _MOST_INDEX_BYTES:
        return None
    try:
        size = first_picture_end(os.pread(descriptor, index_bytes, start))
    except BoxError:
        return None
    if size is None or start + size > os.fstat(descriptor).st_size:
        return None
    return KeyPicture(start, size)


def key_pictures_of(
    store: RecordingStore, camera: CameraFolder, hour: Hour, names: Iterable[str]
) -> dict[str, KeyPicture]:
    """Of segments of an hour folder, by name; those without one are left out."""
    found: dict[str, KeyPicture] = {}
    for name, file in store.open_files(camera, hour, names):
        try:
            picture = key_picture(file)
        except OSError:
            continue
        if picture is not None:
            found[name] = picture
    return found


def render_key_pictures(
    segments: Sequence[Segment],
    pictures: Mapping[str, KeyPicture],
    uri: Callable[[str], str],
    ended: bool,
    removed: Removed = NOTHING_REMOVED,
) -> str:
    """The I-frame playlist (RFC 8216, 4.3.3.6) of segments that all have a picture, by name.

    A picture is said to last as long as its segment: then comes the next.
    """
    text = [served_header(segments, ended, removed), "#EXT-X-I-FRAMES-ONLY\n"]
    for segment, leading in served_segments(segments, uri):
        text += leading
        picture = pictures[segment.name]
        part = f"#EXT-X-BYTERANGE:{picture.size}@{picture.start}\n"
        text.append(media_lines(segment, uri(segment.name), part))
    return "".join([*text, ENDLIST if ended else ""])
