"""Streams are decoded as the settings want it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.decoding import open_decoding
from app.settings import Settings
from media.clock import SystemClock
from media.decoders import IN_PROCESS
from tests.media.decoding.rig import until


def test_decoders_are_processes_as_a_rule(tmp_path: Path) -> None:
    with open_decoding(Settings(data_dir=tmp_path), SystemClock()) as decoded:
        assert decoded.decoding is not None
        pid = decoded.decoding.nursery.pid
        assert Path(f"/proc/{pid}").exists()
        assert decoded.losses() == {}

    until(lambda: not Path(f"/proc/{pid}").exists())


def test_they_may_be_left_out(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, decoders="in-process")
    with open_decoding(settings, SystemClock()) as decoded:
        assert decoded.decoders is IN_PROCESS
        assert decoded.decoding is None
        assert decoded.losses() == {}


def test_where_there_are_none_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with open_decoding(Settings(data_dir=tmp_path), SystemClock()) as decoded:
        assert decoded.decoders is IN_PROCESS

    assert "decoded in this process" in caplog.text
