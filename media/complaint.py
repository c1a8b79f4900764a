"""What is broken fails every time: the log says it once."""

from __future__ import annotations

import logging


class Complaint:
    """Says a failure, unless it is the one that was said last; on any thread."""

    def __init__(self, logger: logging.Logger, text: str, level: int = logging.ERROR) -> None:
        """`text` has a `%s` for the failure."""
        self._logger, self._text, self._level = logger, text, level
        self._last = ""

    def say(self, failure: Exception) -> None:
        if str(failure) != self._last:
            self._last = str(failure)
            self._logger.log(self._level, self._text, failure)
