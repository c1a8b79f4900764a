"""A nursery whose decoders do on a word what codecs do on pictures that nobody expected."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import av
from av.packet import Packet
from av.stream import Stream

from media.decoding import child, nursery
from media.sampler import Sampler

CRASH, HANG, SWELL = b"read what is at address 0", b"never come back", b"take all memory"


class RiggedSampler(Sampler):
    def frames(self, packet: Packet[Stream]) -> Iterator[av.VideoFrame]:
        word = bytes(packet)
        if word == CRASH:
            ctypes.string_at(0)
        while word == HANG:
            pass
        if word == SWELL:
            bytearray(nursery.MEMORY_BYTES + (1 << 28))
        return super().frames(packet)


child.Sampler = RiggedSampler  # type: ignore[attr-defined]

if __name__ == "__main__":
    nursery.main()
