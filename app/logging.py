"""What the process writes about itself: one line a record, without secrets."""

from __future__ import annotations

import logging
import sys

from media.redact import redact_text

QUIET = (
    "uvicorn.error",
    "httpx",
    "httpcore",
    "tortoise",
    "aiosqlite",
    "asyncio",
    "libav",
    "websockets",
)
"""Libraries whose INFO is not what an operator would act on."""


class Redacting(logging.Formatter):
    """Hides credentials in every line, whoever wrote it: the last net, not the first."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))


def set_up_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        Redacting("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
