"""Small clips for tests, made on the spot; each picture can carry its own number."""

from __future__ import annotations

import atexit
import fcntl
import functools
import hashlib
import itertools
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(height, width, 3), RGB."""

AudioCodec = Literal["aac", "opus", "pcm_alaw", "pcm_mulaw"]

NUMBER_BITS = 20
_CHECK_BITS = 12
_COLUMNS, _ROWS = 8, 4
_CODE_WIDTH, _CODE_HEIGHT = 0.4, 0.2
_BLACK, _WHITE = 16, 235
_MIN_CONTRAST = 40
_SAMPLE_RATES: dict[AudioCodec, int] = {
    "aac": 48_000,
    "opus": 48_000,
    "pcm_alaw": 8_000,
    "pcm_mulaw": 8_000,
}
_TONE_HZ = 440
"""In the first half of each second, counted from the first picture; then silence."""


class FrameCodeError(Exception):
    """A picture holds no readable frame number."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a clip is encoded: closed GOPs of exactly `gop` pictures, no cut at scene changes.

    `size` is width and height in pixels, even. `bframes` stand between two reference pictures;
    three of them also refer to each other (a pyramid). G.711 needs a `.mov` file. `beat`: for how
    many 1/`fps` pictures are shown, in turn. `params` are more of libx264's or libx265's own.
    """

    fps: int | Fraction = 25
    size: tuple[int, int] = (320, 240)
    gop: int = 25
    codec: Literal["h264", "hevc"] = "h264"
    bframes: int = 0
    crf: int = 23
    audio: AudioCodec | None = None
    channels: Literal[1, 2] = 1
    pixels: Literal["yuv420p", "yuvj420p", "yuv420p10le"] = "yuv420p"
    beat: tuple[int, ...] = (1,)
    params: str = ""


DEFAULT_ENCODING = Encoding()


def paint_frame_number(picture: Picture, number: int) -> None:
    """Put a number (0 to 2^20 - 1) into the upper left corner: 8 by 4 blocks, black or white.

    The corner is 0.4 of the width and 0.2 of the height, so that the number survives scaling. The
    first 20 blocks are the number, the last 12 the end of its CRC-32; highest bit first, by rows.

    Raises:
        ValueError: the number needs more bits.
    """
    if not 0 <= number < 1 << NUMBER_BITS:
        raise ValueError(f"a frame number has {NUMBER_BITS} bits, {number} does not fit")
    word = number << _CHECK_BITS | _check(number)
    for block, area in enumerate(_blocks(picture.shape[1], picture.shape[0])):
        is_white = word >> (_COLUMNS * _ROWS - 1 - block) & 1
        picture[area] = _WHITE if is_white else _BLACK


def read_frame_number(picture: av.VideoFrame | NDArray[Any]) -> int:
    """The number that `paint_frame_number` put in, of a picture of any size.

    Args:
        picture: a decoded frame, or an array of 0..255: (height, width), or (height, width, 3 or
            more channels). It shows the whole frame and nothing else.

    Raises:
        FrameCodeError: a block is neither black nor white, or the check bits are wrong.
    """
    brightness = _brightness(picture)
    word = 0
    for area in _blocks(brightness.shape[1], brightness.shape[0]):
        level = float(_core(brightness[area]).mean())
        if abs(level - 128) < _MIN_CONTRAST:
            raise FrameCodeError(f"a block of brightness {level:.0f} is neither black nor white")
        word = word << 1 | (level > 128)
    number, check = word >> _CHECK_BITS, word & (1 << _CHECK_BITS) - 1
    if check != _check(number):
        raise FrameCodeError(f"the check bits of frame number {number} are wrong")
    return number


def frame_coded_clip(path: Path, frames: int, encoding: Encoding = DEFAULT_ENCODING) -> Path:
    """A clip whose n-th picture carries the number n, counted from 0, on a moving background."""
    pictures = (coded_picture(number, encoding.size) for number in range(frames))
    return write_clip(path, pictures, encoding)


def coded_footage_clip(
    path: Path, source: Path, frames: int, encoding: Encoding = DEFAULT_ENCODING
) -> Path:
    """Real footage, scaled, whose n-th picture also carries n; it repeats where it is shorter."""
    pictures = itertools.islice(_endless_footage(source, encoding.size), frames)
    return write_clip(path, _numbered(pictures), encoding)


def still_clip(path: Path, frames: int, encoding: Encoding = DEFAULT_ENCODING) -> Path:
    """One picture all the time: nothing moves, no number."""
    picture = _background(0, encoding.size)
    return write_clip(path, itertools.repeat(picture, frames), encoding)


@functools.cache
def frame_coded(frames: int, encoding: Encoding = DEFAULT_ENCODING) -> Path:
    """`frame_coded_clip`, made once a test run."""
    return _made_once(
        ("coded", frames), encoding, lambda path: frame_coded_clip(path, frames, encoding)
    )


@functools.cache
def coded_footage(source: Path, frames: int, encoding: Encoding = DEFAULT_ENCODING) -> Path:
    """`coded_footage_clip`, made once a test run."""
    return _made_once(
        ("footage", source, frames),
        encoding,
        lambda path: coded_footage_clip(path, source, frames, encoding),
    )


@functools.cache
def still(frames: int, encoding: Encoding = DEFAULT_ENCODING) -> Path:
    """`still_clip`, made once a test run."""
    return _made_once(("still", frames), encoding, lambda path: still_clip(path, frames, encoding))


def coded_picture(number: int, size: tuple[int, int]) -> Picture:
    picture = _background(number, size)
    paint_frame_number(picture, number)
    return picture


def write_clip(path: Path, pictures: Iterable[Picture], encoding: Encoding) -> Path:
    """Encode pictures of the encoding's size, with a tone where it has sound."""
    with av.open(str(path), "w") as container:
        video = _video_stream(container, encoding)
        tone = _Tone(container, encoding.audio, encoding.channels) if encoding.audio else None
        end = 0
        for picture, lasts in zip(pictures, itertools.cycle(encoding.beat), strict=False):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, end = end, end + lasts
            frame.time_base = 1 / Fraction(encoding.fps)
            container.mux(video.encode(frame))
            if tone is not None:
                tone.play_until(end / Fraction(encoding.fps))
        container.mux(video.encode(None))
        if tone is not None:
            tone.end()
    return path


class _Tone:
    def __init__(self, container: OutputContainer, codec: AudioCodec, channels: int) -> None:
        self._container = container
        self._rate = _SAMPLE_RATES[codec]
        name = "libopus" if codec == "opus" else codec
        layout = "mono" if channels == 1 else "stereo"
        stream = container.add_stream(name, rate=self._rate, layout=layout)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._stream.codec_context.open()
        self._resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=self._rate,
            frame_size=stream.codec_context.frame_size or self._rate // 50,
        )
        self._played = 0

    def play_until(self, seconds: Fraction) -> None:
        end = int(seconds * self._rate)
        at = np.arange(self._played, end) * (2 * np.pi * _TONE_HZ / self._rate)
        loud = at % (2 * np.pi * _TONE_HZ) < np.pi * _TONE_HZ
        samples = (np.sin(at) * loud * 8_000).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = self._rate
        frame.pts = self._played
        frame.time_base = Fraction(1, self._rate)
        self._played = end
        self._encode(self._resampler.resample(frame))

    def end(self) -> None:
        self._encode(self._resampler.resample(None))
        self._container.mux(self._stream.encode(None))

    def _encode(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))


def _video_stream(container: OutputContainer, encoding: Encoding) -> VideoStream:
    closed = f"keyint={encoding.gop}:min-keyint={encoding.gop}:scenecut=0:open-gop=0"
    shape = f"{closed}:bframes={encoding.bframes}:b-adapt=0"
    if encoding.params:
        shape += f":{encoding.params}"
    if encoding.codec == "hevc":
        name, preset, tuning = "libx265", "ultrafast", {"x265-params": f"{shape}:log-level=error"}
    else:  # the quickest that keeps CABAC and 8x8 transforms, as cameras use them
        name, preset, tuning = "libx264", "superfast", {"x264-params": shape}
    options = {"preset": preset, "crf": str(encoding.crf), "threads": "1", **tuning}
    stream = container.add_stream(name, rate=encoding.fps, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = encoding.size
    stream.pix_fmt = encoding.pixels
    return stream


def _background(number: int, size: tuple[int, int]) -> Picture:
    """Soft stripes that wander, and a square that runs: cheap to encode, but never still."""
    width, height = size
    columns = np.arange(width, dtype=np.float32)[None, :]
    rows = np.arange(height, dtype=np.float32)[:, None]
    phase = number * 0.1
    across, down = columns / width * 4 + phase, rows / height * 4
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = 120 + 60 * np.sin(columns / width * 6 + phase)
    picture[..., 1] = 120 + 60 * np.sin(rows / height * 5 - phase)
    # The sine of their sum, of which a sine for each pixel would be most of the work.
    picture[..., 2] = 120 + 60 * (np.sin(across) * np.cos(down) + np.cos(across) * np.sin(down))
    side = height // 8
    left = number * max(2, width // 80) % (width - side)
    picture[height // 2 : height // 2 + side, left : left + side] = (230, 40, 40)
    return picture


def _endless_footage(source: Path, size: tuple[int, int]) -> Iterator[Picture]:
    while True:
        with av.open(str(source)) as container:
            for frame in container.decode(video=0):
                scaled = frame.reformat(width=size[0], height=size[1], format="rgb24")
                yield scaled.to_ndarray().astype(np.uint8, copy=False)


def _numbered(pictures: Iterable[Picture]) -> Iterator[Picture]:
    for number, picture in enumerate(pictures):
        numbered = picture.copy()
        paint_frame_number(numbered, number)
        yield numbered


def _check(number: int) -> int:
    return zlib.crc32(number.to_bytes(4, "big")) & (1 << _CHECK_BITS) - 1


def _blocks(width: int, height: int) -> list[tuple[slice, slice]]:
    """Row and column range in pixels of each block, by rows."""
    xs = [round(width * _CODE_WIDTH * n / _COLUMNS) for n in range(_COLUMNS + 1)]
    ys = [round(height * _CODE_HEIGHT * n / _ROWS) for n in range(_ROWS + 1)]
    return [
        (slice(top, bottom), slice(left, right))
        for top, bottom in itertools.pairwise(ys)
        for left, right in itertools.pairwise(xs)
    ]


def _core(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """A block without its blurred rim."""
    rim_y, rim_x = block.shape[0] // 4, block.shape[1] // 4
    return block[rim_y : block.shape[0] - rim_y, rim_x : block.shape[1] - rim_x]


def _brightness(picture: av.VideoFrame | NDArray[Any]) -> NDArray[np.float32]:
    if isinstance(picture, av.VideoFrame):
        return picture.reformat(format="gray").to_ndarray().astype(np.float32)
    brightness = picture.astype(np.float32)
    return brightness if brightness.ndim == 2 else brightness[..., :3].mean(axis=2)


def share_clips(folder: Path) -> None:
    """From now on clips are kept there, for all processes of a test run."""
    folder.mkdir(exist_ok=True)
    _shared.append(folder)


_shared: list[Path] = []


@functools.cache
def _own_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="clips-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _made_once(what: tuple[object, ...], encoding: Encoding, make: Callable[[Path], Path]) -> Path:
    """Whoever comes first makes it, and the others wait for it."""
    folder = _shared[-1] if _shared else _own_folder()
    name = hashlib.sha256(repr((what, encoding)).encode()).hexdigest()[:24]
    is_g711 = encoding.audio in {"pcm_alaw", "pcm_mulaw"}
    path = folder / f"{name}{'.mov' if is_g711 else '.mp4'}"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make(path.with_stem(f"{name}-part")).rename(path)
    return path
