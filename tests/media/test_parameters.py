"""What a keyframe says about its stream."""

from __future__ import annotations

from media.parameters import ParameterSets, read_parameter_sets

START = b"\x00\x00\x00\x01"
SPS, OTHER_SPS, PPS, IDR = b"\x67sps", b"\x67other", b"\x68pps", b"\x65slice"
HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR = b"\x40\x01v", b"\x42\x01s", b"\x44\x01p", b"\x28\x01i"


def joined(*units: bytes) -> bytes:
    return b"".join(START + unit for unit in units)


def test_sets_before_the_first_slice_are_read_and_those_behind_it_not() -> None:
    found = read_parameter_sets(joined(SPS, PPS, IDR, OTHER_SPS), "h264")

    assert found == ParameterSets((SPS,), (PPS,))


def test_a_set_that_is_sent_twice_counts_once() -> None:
    """GStreamer's H.265 payloader and parser both put them before some keyframes."""
    once = joined(HEVC_VPS, HEVC_SPS, HEVC_PPS)

    found = read_parameter_sets(once + once + joined(HEVC_IDR), "hevc")

    assert found == ParameterSets((HEVC_VPS, HEVC_SPS), (HEVC_PPS,))


def test_different_sets_are_kept_in_the_order_sent() -> None:
    found = read_parameter_sets(joined(OTHER_SPS, SPS, PPS, IDR), "h264")

    assert found.sequence == (OTHER_SPS, SPS)
