from __future__ import annotations

from pathlib import Path

import pytest

from media.simulator import SimulatorError, read_clip
from media.simulator.parameter_sets import (
    ParameterSets,
    h264_parameter_sets,
    hevc_nal_type,
    hevc_parameter_sets,
)
from media.simulator.sdp import session_description
from tests import clips
from tests.clips import Encoding
from tests.data import shared_data

SPS, PPS = bytes.fromhex("6742c00d"), bytes.fromhex("68ce3c80")
AVC_RECORD = (
    bytes.fromhex("0142c00dffe1") + b"\x00\x04" + SPS + b"\x01" + b"\x00\x04" + PPS
)  # lengths of four bytes, one SPS, one PPS


@pytest.mark.parametrize("bframes", [0, 3])
def test_a_lap_is_as_long_as_all_pictures_are_shown(bframes: int) -> None:
    clip = read_clip(clips.frame_coded(50, Encoding(bframes=bframes)))

    assert (clip.start, clip.length) == (0, 50 * 3600)


def test_pictures_come_before_sound() -> None:
    clip = read_clip(clips.frame_coded(25, Encoding(audio="aac")))

    assert clip.formats == ("h264/90000", "aac/48000")


def test_a_missing_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"absent\.mp4"):
        read_clip(tmp_path / "absent.mp4")


def test_a_file_that_is_no_clip_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a clip")

    with pytest.raises(SimulatorError, match=r"notes\.mp4"):
        read_clip(text)


def test_a_codec_that_rtp_cameras_do_not_have_is_refused() -> None:
    with pytest.raises(SimulatorError, match="no H"):
        read_clip(shared_data() / "videos" / "vtest.avi")


@pytest.mark.parametrize("start_code", [b"\x00\x00\x01", b"\x00\x00\x00\x01"])
def test_sets_are_the_same_from_a_record_and_from_start_codes(start_code: bytes) -> None:
    assert h264_parameter_sets(AVC_RECORD).nals == (SPS, PPS)
    assert h264_parameter_sets(start_code + SPS + start_code + PPS).nals == (SPS, PPS)


def test_sets_in_band_are_as_the_clips_packets() -> None:
    assert ParameterSets((SPS,), 2).in_band() == b"\x00\x04" + SPS
    assert ParameterSets((SPS,), 0).in_band() == b"\x00\x00\x00\x01" + SPS


@pytest.mark.parametrize("size", [0, 5, 7, len(AVC_RECORD) - 1])
def test_a_record_that_ends_early_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="end early"):
        h264_parameter_sets(AVC_RECORD[:size])


def test_hevc_sets_are_found_by_type() -> None:
    record = bytes(22) + b"\x02"
    for nal_type in (32, 33):
        record += bytes([nal_type]) + b"\x00\x01" + b"\x00\x03" + bytes([nal_type << 1, 1, 9])

    sets = hevc_parameter_sets(record)

    assert [hevc_nal_type(nal) for nal in sets.nals] == [32, 33]


def test_an_h264_description_carries_sets_and_level() -> None:
    lines = session_description(read_clip(clips.frame_coded(50))).split("\r\n")

    assert "a=rtpmap:96 H264/90000" in lines
    [parameters] = [line for line in lines if line.startswith("a=fmtp:96 ")]
    assert "packetization-mode=1;profile-level-id=64000D;" in parameters
    assert parameters.count(",") == 1


def test_an_hevc_description_carries_all_three_sets() -> None:
    text = session_description(read_clip(clips.frame_coded(50, Encoding(codec="hevc"))))

    for name in ("sprop-vps=", "sprop-sps=", "sprop-pps="):
        assert name in text


@pytest.mark.parametrize(
    ("codec", "line"),
    [
        ("aac", "a=rtpmap:97 MPEG4-GENERIC/48000/1"),
        ("opus", "a=rtpmap:97 opus/48000/2"),
        ("pcm_alaw", "a=rtpmap:8 PCMA/8000/1"),
        ("pcm_mulaw", "a=rtpmap:0 PCMU/8000/1"),
    ],
)
def test_sound_is_described_by_its_payload_format(codec: clips.AudioCodec, line: str) -> None:
    clip = read_clip(clips.frame_coded(25, Encoding(audio=codec)))

    assert line in session_description(clip).split("\r\n")
