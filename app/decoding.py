"""The decoders of a process that runs cameras, as the settings want them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from app.settings import Settings
from media.clock import Clock
from media.decoders import IN_PROCESS, Decoders
from media.decoding.isolated import Decoding, Loss

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decoded:
    """`decoding` is None where streams are decoded in this process."""

    decoders: Decoders = IN_PROCESS
    decoding: Decoding | None = None

    def losses(self) -> Mapping[Loss, int]:
        """How many decoders were lost so far."""
        return {} if self.decoding is None else self.decoding.losses


@contextmanager
def open_decoding(settings: Settings, clock: Clock) -> Iterator[Decoded]:
    """For as long as the context lasts; then no decoder is left."""
    if settings.decoders == "isolated" and sys.platform == "linux":
        decoding = Decoding(clock)
        decoding.start()
        try:
            yield Decoded(decoding.of(), decoding)
        finally:
            decoding.close()
        return
    if settings.decoders == "isolated":
        log.warning("streams are decoded in this process: to isolate decoders takes Linux")
    yield Decoded()
