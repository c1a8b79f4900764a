"""Parameter sets (SPS, PPS, VPS) as a clip's container stores them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_START_CODE = re.compile(rb"\x00\x00\x00?\x01")
_ANNEX_B_LENGTH_SIZE = 0


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """NAL units without start code or length, in stored order.

    `length_size` is how many bytes of length stand before each NAL unit of the clip's packets;
    0 means start codes (Annex B).
    """

    nals: tuple[bytes, ...]
    length_size: int

    def in_band(self) -> bytes:
        """The sets as bytes that can stand before a packet of the same clip."""
        if self.length_size == _ANNEX_B_LENGTH_SIZE:
            return b"".join(b"\x00\x00\x00\x01" + nal for nal in self.nals)
        return b"".join(len(nal).to_bytes(self.length_size, "big") + nal for nal in self.nals)


def h264_parameter_sets(extradata: bytes) -> ParameterSets:
    """From an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) or Annex B.

    Raises:
        ValueError: the record ends early or holds no set.
    """
    if _is_annex_b(extradata):
        return _annex_b(extradata)
    cursor = _Cursor(extradata, offset=5)
    nals: list[bytes] = []
    for count_mask in (0x1F, 0xFF):
        count = cursor.number(1) & count_mask
        nals += [cursor.take(cursor.number(2)) for _ in range(count)]
    return _checked(nals, (extradata[4] & 3) + 1)


def hevc_parameter_sets(extradata: bytes) -> ParameterSets:
    """From an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1) or Annex B.

    Raises:
        ValueError: the record ends early or holds no set.
    """
    if _is_annex_b(extradata):
        return _annex_b(extradata)
    cursor = _Cursor(extradata, offset=22)
    nals: list[bytes] = []
    for _ in range(cursor.number(1)):
        cursor.take(1)
        count = cursor.number(2)
        nals += [cursor.take(cursor.number(2)) for _ in range(count)]
    return _checked(nals, (extradata[21] & 3) + 1)


def hevc_nal_type(nal: bytes) -> int:
    """32 is a VPS, 33 an SPS, 34 a PPS (ITU-T H.265, table 7-1)."""
    return (nal[0] >> 1) & 0x3F


class _Cursor:
    def __init__(self, stored: bytes, offset: int) -> None:
        self._stored = stored
        self._offset = offset

    def take(self, size: int) -> bytes:
        taken = self._stored[self._offset : self._offset + size]
        if len(taken) < size:
            raise ValueError("the parameter sets end early")
        self._offset += size
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


def _is_annex_b(extradata: bytes) -> bool:
    return extradata.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01"))


def _annex_b(extradata: bytes) -> ParameterSets:
    nals = [nal for nal in _START_CODE.split(extradata) if nal]
    return _checked(nals, _ANNEX_B_LENGTH_SIZE)


def _checked(nals: list[bytes], length_size: int) -> ParameterSets:
    if not nals:
        raise ValueError("no parameter sets")
    return ParameterSets(tuple(nals), length_size)
