from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from tests import clips
from tests.clips import Encoding, FrameCodeError, read_frame_number
from tests.data import shared_data


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def jpeg_of(picture: clips.Picture, quality: int) -> av.VideoFrame:
    """Through a JPEG of a quantiser scale (2 best, 31 worst) and back."""
    stored = io.BytesIO()
    with av.open(stored, "w", format="mjpeg") as output:
        stream = output.add_stream("mjpeg", rate=1, options={"qmin": "31", "qmax": "31"})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuvj420p"
        stream.codec_context.qmin = stream.codec_context.qmax = quality
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    stored.seek(0)
    with av.open(stored, "r", format="mjpeg") as source:
        return next(source.decode(video=0))


@pytest.mark.parametrize("number", [0, 1, 25, 4_095, 524_288, 1_048_575])
def test_a_painted_number_is_read_back(number: int) -> None:
    picture = clips.coded_picture(number, (320, 240))

    assert read_frame_number(picture) == number


@pytest.mark.parametrize("number", [-1, 1 << 20])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        clips.coded_picture(number, (320, 240))


@pytest.mark.parametrize("encoding", [Encoding(crf=30), Encoding(crf=30, codec="hevc", bframes=3)])
def test_numbers_survive_lossy_video(encoding: Encoding) -> None:
    frames = decoded(clips.frame_coded(60, encoding))

    assert [read_frame_number(frame) for frame in frames] == list(range(60))


@pytest.mark.parametrize("quality", [2, 31])
def test_a_number_survives_jpeg(quality: int) -> None:
    frame = jpeg_of(clips.coded_picture(777, (640, 360)), quality)

    assert read_frame_number(frame) == 777
    assert read_frame_number(frame.to_ndarray(format="rgb24")) == 777


@pytest.mark.parametrize("size", [(160, 120), (200, 90), (1280, 720), (333, 251)])
def test_a_number_survives_scaling(size: tuple[int, int]) -> None:
    frame = decoded(clips.frame_coded(60, Encoding(crf=30)))[41]

    scaled = frame.reformat(width=size[0], height=size[1], format="rgb24")

    assert read_frame_number(scaled.to_ndarray()) == 41


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_picture_has_no_number(level: int) -> None:
    with pytest.raises(FrameCodeError):
        read_frame_number(np.full((240, 320, 3), level, np.uint8))


def test_two_mixed_pictures_have_no_number() -> None:
    one, other = (clips.coded_picture(number, (320, 240)) for number in (1, 2))

    with pytest.raises(FrameCodeError, match="neither black nor white"):
        read_frame_number((one // 2 + other // 2).astype(np.uint8))


def test_a_flipped_block_is_noticed() -> None:
    picture = clips.coded_picture(5, (320, 240))
    picture[:12, :16] = 235

    with pytest.raises(FrameCodeError, match="check bits"):
        read_frame_number(picture)


@pytest.mark.parametrize("bframes", [0, 2])
def test_a_clip_has_the_asked_gops_and_rate(bframes: int) -> None:
    with av.open(str(clips.frame_coded(60, Encoding(gop=20, fps=10, bframes=bframes)))) as clip:
        packets = [packet for packet in clip.demux(video=0) if packet.size]

    assert [n for n, packet in enumerate(packets) if packet.is_keyframe] == [0, 20, 40]
    shown = sorted(float((packet.pts or 0) * packet.time_base) for packet in packets)
    assert shown == pytest.approx([n / 10 for n in range(60)])
    assert any(packet.pts != packet.dts for packet in packets) == bool(bframes)


def test_a_clip_is_never_still_but_a_still_clip_is() -> None:
    moving, still = (
        [frame.to_ndarray(format="gray") for frame in decoded(path)]
        for path in (clips.frame_coded(60), clips.still(60))
    )

    assert np.abs(moving[10].astype(int) - moving[11])[120:].max() > 60
    assert np.abs(still[10].astype(int) - still[11]).max() <= 3


@pytest.mark.parametrize("codec", ["aac", "opus", "pcm_alaw", "pcm_mulaw"])
def test_a_clip_can_have_a_tone_as_long_as_its_pictures(codec: clips.AudioCodec) -> None:
    with av.open(str(clips.frame_coded(50, Encoding(audio=codec)))) as clip:
        context = clip.streams.audio[0].codec_context
        name, rate = context.name, context.sample_rate
        samples = sum(frame.samples for frame in clip.decode(audio=0))

    assert name == codec
    assert samples / rate == pytest.approx(2.0, abs=0.1)


def test_footage_carries_numbers_beyond_its_own_end() -> None:
    footage = clips.coded_footage(shared_data() / "videos" / "carphone_pristine.mp4", 130)

    frames = decoded(footage)

    assert [read_frame_number(frame) for frame in frames] == list(range(130))
    first, again = (frames[n].to_ndarray(format="gray")[60:].astype(int) for n in (0, 120))
    assert np.abs(first - again).mean() < 4


def test_a_clip_is_made_once() -> None:
    assert clips.frame_coded(60) == clips.frame_coded(60)
    assert clips.frame_coded(60) != clips.frame_coded(61)
