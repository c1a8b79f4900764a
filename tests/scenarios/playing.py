"""Playing a playlist as a viewer does: which picture stands at an offset."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import av

from tests.clips import read_frame_number

ANYWHERE = {"allowed_extensions": "ALL", "protocol_whitelist": "file,http,tcp"}
"""A playlist in a file may name segments on a server."""


def ended_copy(text: str, base: str, folder: Path) -> str:
    """A playlist as a file that has an end: a player of a growing one waits for more."""
    text = text.replace("/v2/hls/", f"{base}/v2/hls/").removesuffix("#EXT-X-ENDLIST\n")
    path = folder / "ended.m3u8"
    path.write_text(text.replace("TYPE:EVENT", "TYPE:VOD") + "#EXT-X-ENDLIST\n")
    return str(path)


def libav_frame_number(url: str, offset: float) -> int:
    """Decodes a playlist from its start and reads the picture shown at `offset` seconds."""
    with av.open(url, options=ANYWHERE, timeout=20) as container:
        start: float | None = None
        shown = None
        for frame in container.decode(video=0):
            assert frame.time is not None
            start = frame.time if start is None else start
            if frame.time - start > offset:
                break
            shown = frame
    assert shown is not None
    return read_frame_number(shown)


def ffmpeg_frame_number(url: str, offset: float, folder: Path) -> int:
    """Seeks with the ffmpeg command, decoding up to the offset: `-i playlist -ss offset`.

    Seeking before decoding (`-ss` before `-i`) finds no picture in any fMP4 playlist with FFmpeg
    5.1, in its own neither.
    """
    picture = folder / "seek.png"
    picture.unlink(missing_ok=True)
    options = [word for name, value in ANYWHERE.items() for word in (f"-{name}", value)]
    command = ["ffmpeg", "-v", "quiet", "-y", *options, "-i", url, "-ss", f"{offset:.6f}"]
    subprocess.run([*command, "-frames:v", "1", str(picture)], check=True, timeout=60)
    with av.open(str(picture)) as container:
        return read_frame_number(next(container.decode(video=0)))


def has_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None


def jpeg_frame_number(jpeg: bytes, folder: Path) -> int:
    path = folder / "snapshot.jpg"
    path.write_bytes(jpeg)
    with av.open(str(path)) as container:
        return read_frame_number(next(container.decode(video=0)))
