"""What is broken fails every time: the log says it once."""

from __future__ import annotations

import logging

import pytest

from media.complaint import Complaint


def test_a_failure_is_said_again_only_after_another(caplog: pytest.LogCaptureFixture) -> None:
    complaint = Complaint(logging.getLogger(__name__), "it fails: %s", logging.WARNING)
    for text in ("odd", "odd", "worse", "odd"):
        complaint.say(ValueError(text))

    said = [(each.levelname, each.message) for each in caplog.records]
    assert said == [("WARNING", f"it fails: {text}") for text in ("odd", "worse", "odd")]
