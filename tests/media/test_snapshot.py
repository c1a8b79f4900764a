"""A frame as a JPEG."""

from fractions import Fraction
from io import BytesIO
from typing import Literal

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from media.snapshot import SnapshotError, encode_jpeg, picture_of
from tests.clips import Encoding, frame_coded, read_frame_number


def decoded(jpeg: bytes) -> av.VideoFrame:
    with av.open(BytesIO(jpeg), "r") as container:
        return next(container.decode(video=0))


def flat(level: int, width: int, height: int, color_range: ColorRange) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (level, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.color_range = color_range
    return frame


def test_it_is_a_jpeg_of_the_frame_s_size() -> None:
    jpeg = encode_jpeg(flat(128, 640, 360, ColorRange.MPEG))

    assert jpeg.startswith(b"\xff\xd8")
    assert jpeg.endswith(b"\xff\xd9")
    picture = decoded(jpeg)
    assert (picture.width, picture.height) == (640, 360)


@pytest.mark.parametrize(
    ("size", "pixel_aspect", "shown"),
    [
        ((1920, 1080), None, (1280, 720)),
        ((3840, 2160), Fraction(1), (1280, 720)),
        ((2560, 1920), None, (1280, 960)),
        ((704, 576), Fraction(12, 11), (768, 576)),
        ((352, 288), Fraction(0), (352, 288)),
        ((321, 241), None, (320, 240)),
    ],
)
def test_large_pictures_are_scaled_and_pixels_made_square(
    size: tuple[int, int], pixel_aspect: Fraction | None, shown: tuple[int, int]
) -> None:
    picture = decoded(encode_jpeg(flat(90, *size, ColorRange.MPEG), pixel_aspect))

    assert (picture.width, picture.height) == shown


@pytest.mark.parametrize(
    ("level", "color_range", "shown"),
    [
        (235, ColorRange.MPEG, 255),
        (16, ColorRange.UNSPECIFIED, 0),
        (200, ColorRange.JPEG, 200),
    ],
)
def test_black_is_black_and_white_is_white(level: int, color_range: ColorRange, shown: int) -> None:
    picture = decoded(encode_jpeg(flat(level, 1920, 1080, color_range)))

    luma = np.frombuffer(memoryview(picture.planes[0]), np.uint8)
    assert abs(int(luma[1000]) - shown) <= 1


def test_ten_bit_pictures_have_a_snapshot_too() -> None:
    frame = av.VideoFrame(320, 240, "yuv420p10le")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))

    assert decoded(encode_jpeg(frame)).width == 320


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_keyframe_alone_becomes_a_picture(codec: Literal["h264", "hevc"]) -> None:
    with av.open(str(frame_coded(60, Encoding(fps=25, gop=25, codec=codec, bframes=2)))) as clip:
        video = clip.streams.video[0]
        annex_b = av.BitStreamFilterContext(f"{codec}_mp4toannexb", video)
        packets = [part for each in clip.demux(video) for part in annex_b.filter(each)]
    keyframes = [bytes(each) for each in packets if each.is_keyframe]

    shown = [decoded(picture_of(codec, each)) for each in keyframes]

    assert [read_frame_number(each) for each in shown] == [0, 25, 50]


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x00\x01\x65" + bytes(range(200))])
def test_of_what_is_no_keyframe_there_is_no_picture(content: bytes) -> None:
    with pytest.raises(SnapshotError):
        picture_of("h264", content)
