from __future__ import annotations

import threading
from pathlib import Path

import pytest

from media import turns
from media.turns import alone, turn


def test_one_at_a_time_has_the_turn(tmp_path: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def other() -> None:
        entered.set()
        with turn(tmp_path):
            order.append("other")

    with turn(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def test_who_never_gives_the_turn_back_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.02)
    with turn(tmp_path), turn(tmp_path):
        pass


def test_there_is_no_turn_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), turn(tmp_path / "x"):
        pass


def test_only_one_is_alone(tmp_path: Path) -> None:
    with alone(tmp_path / "x") as first, alone(tmp_path / "x") as second:
        assert (first, second) == (True, False)
    with alone(tmp_path / "x") as third:
        assert third
