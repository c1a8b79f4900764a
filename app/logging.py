"""What the process writes about itself: a line a record, for people or machines, no secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import Literal

from media.log_fields import NAMES, bound_log_fields
from media.redact import redact_text

LogFormat = Literal["console", "json"]

QUIET = (
    "uvicorn.error",
    "httpx",
    "httpcore",
    "tortoise",
    "aiosqlite",
    "asyncio",
    "libav",
    "urllib3",
    "websockets",
)
"""Libraries whose INFO is not what an operator would act on."""


class ConsoleLines(logging.Formatter):
    """`12:00:00 INFO    app.worker: text [tenant=acme camera=gate]`, a traceback below it."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s %(levelname)-7s %(name)s: %(message)s%(fields)s", datefmt="%H:%M:%S"
        )

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        record.fields = f" [{fields}]" if fields else ""
        return _safe(super().format(record))


class JsonLines(logging.Formatter):
    """A JSON object a line: `time` (UTC), `level`, `logger`, `message`, the fields, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        instant = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        shown = {
            "time": f"{instant}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        # Value by value: what hides a credential in the whole line could break its JSON.
        safe = {name: _safe(value) for name, value in shown.items()}
        return json.dumps(safe, ensure_ascii=False)


_SECRET_IN_QUERY = re.compile(r"([?&](?:token|grant)=)[^&\s\"']+")


def _safe(text: str) -> str:
    """Hides credentials, whoever wrote them: the last net, not the first."""
    return _SECRET_IN_QUERY.sub(r"\1***", redact_text(text))


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """Whose a record is: what is bound where it is written, and what it says itself."""
    own, bound = vars(record), bound_log_fields()
    found = {name: own.get(name) or bound.get(name) for name in NAMES}
    return {name: str(value) for name, value in found.items() if value}


class TracebackOnce(logging.Filter):
    """Drops what the server says of an exception that was logged before.

    Starlette answers a failed request, which our log has with its traceback, and raises the
    exception once more, for uvicorn to log it too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        told = vars(error).setdefault(_TOLD_BY, record.name)
        return record.name != "uvicorn.error" or told == record.name


_TOLD_BY = "_vms_told_by"
"""Where an exception keeps the name of the logger that it was told to first."""


def set_up_logging(level: str, shape: LogFormat = "console") -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ConsoleLines() if shape == "console" else JsonLines())
    handler.addFilter(TracebackOnce())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
