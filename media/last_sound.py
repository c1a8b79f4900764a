"""How the sound of a camera's latest footage is coded, for the silence that follows it."""

from __future__ import annotations

import av
import av.error

from media.sound import USUAL_SILENCE, Coding, coding_of
from media.store import CameraFolder, Hour, RecordingNotFound, RecordingStore


def last_coding(store: RecordingStore, camera: CameraFolder) -> Coding:
    """As of the last listed segment, so that nothing changes for players; else the usual one.

    FFmpeg, for one, reads a playlist's first init segment alone. To be called after repair.
    Raises OSError, the disk's.
    """
    for hour in reversed(store.open_hours(camera) or []):
        segments = store.playlist(camera, hour).segments
        if segments:
            return _coding_in(store, camera, hour, segments[-1].init)
    return USUAL_SILENCE


def _coding_in(store: RecordingStore, camera: CameraFolder, hour: Hour, name: str) -> Coding:
    try:
        with store.open_file(camera, hour, name) as file, av.open(file, "r") as init:
            return coding_of(init)
    except (RecordingNotFound, av.error.FFmpegError):
        return USUAL_SILENCE
