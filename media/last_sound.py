"""How the sound of a camera's latest footage is coded, for the silence that follows it."""

from __future__ import annotations

import re

from media.boxes import BoxError
from media.export.layout import read_layout
from media.sound import USUAL_SILENCE, Coding, coding_of
from media.store import CameraFolder, Hour, RecordingNotFound, RecordingStore

_AAC_SETUP = re.compile(
    rb"\x04(?:\x80\x80\x80)?.\x40.{12}\x05(?:\x80\x80\x80)?(?P<length>[\x02-\x7f])", re.DOTALL
)
"""In an `esds` (14496-1, 7.2.6.6), what is before the AudioSpecificConfig; 0x40 is AAC."""


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
        with store.open_file(camera, hour, name) as file:
            layout = read_layout(file.read())
    except (RecordingNotFound, BoxError):
        return USUAL_SILENCE
    for track in layout.tracks:
        if found := _AAC_SETUP.search(track.sample_description):
            setup = track.sample_description[found.end() : found.end() + found["length"][0]]
            return coding_of(setup, track.timescale)
    return USUAL_SILENCE
