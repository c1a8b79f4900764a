"""Changes that wait: each is taken once, in order, whatever the disk and the processes do."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.spool import REFUSED, Spool
from app.spool_files import Owned, decode, encode
from app.spool_queue import QueueLimits
from media.types import (
    SegmentClosed,
)
from tests.app.spooled import event, segment
from tests.small_disk import fill, small_disk

SMALL = QueueLimits(in_memory=10, file_bytes=4000, total_bytes=10**6)


def drained(spool: Spool, most: int = 7) -> list[Owned]:
    """All that can be taken, done with at once."""
    found: list[Owned] = []
    while taken := spool.take(most):
        found += [each.owned for each in taken]
        spool.done(taken)
    return found


def apart(found: Iterable[Owned]) -> tuple[list[Owned], list[Owned]]:
    """Events and figures: order holds among either."""
    figures = [each for each in found if isinstance(each.change, SegmentClosed)]
    return [each for each in found if not isinstance(each.change, SegmentClosed)], figures


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.glob("*/*/*"))


def put_all(spool: Spool, many: Iterable[Owned]) -> None:
    for each in many:
        assert spool.put(each)


def test_an_event_is_on_disk_before_put_returns_and_gone_when_it_is_done(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(event(1))
    (name,) = files(tmp_path)
    assert decode((tmp_path / name).read_bytes()) == event(1)

    spool.done(spool.take())

    assert (tmp_path / name).read_bytes() == b""


def test_nothing_is_written_for_a_figure_while_the_database_is_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    put_all(spool, map(segment, range(20)))
    assert files(tmp_path) == []
    assert drained(spool) == list(map(segment, range(20)))
    assert files(tmp_path) == []


def test_figures_are_written_while_held_also_those_that_waited_already(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    put_all(spool, map(segment, range(3)))
    spool.take(1)
    spool.hold()
    spool.put(segment(3))
    (name,) = files(tmp_path)
    lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
    assert [decode(line) for line in lines] == list(map(segment, range(4)))


def test_an_end_in_good_order_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    put_all(spool, map(event, range(20)))
    drained(spool)
    assert len(list(tmp_path.iterdir())) == 1
    spool.close()
    assert list(tmp_path.iterdir()) == []
    assert not spool.put(event(1))


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["put", "take", "hold", "release", "again", "tend"]), max_size=80))
def test_everything_comes_once_and_in_order_whatever_happens_between(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """`again` closes in the middle of it and begins anew, as at a restart."""
    root = tmp_path_factory.mktemp("spool")
    spool = Spool(root, SMALL)
    put, seen = 0, []
    for step in steps:
        if step == "put":
            put_all(spool, map(event, range(put, put + 8)))
            put += 8
        elif step == "take":
            taken = spool.take(5)
            seen += [each.owned for each in taken]
            spool.done(taken)
        elif step == "again":
            spool.close()
            spool = Spool(root, SMALL)
        else:
            getattr(spool, step)()
    seen += drained(spool)
    assert list(dict.fromkeys(each.change.event_id for each in seen)) == [  # type: ignore[union-attr]
        f"evt-{number}" for number in range(put)
    ]
    assert "again" in steps or seen == list(map(event, range(put)))
    spool.close()
    assert list(root.iterdir()) == []


def test_memory_holds_a_bounded_number_and_the_disk_the_rest(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SMALL)
    put_all(spool, map(event, range(500)))
    put_all(spool, map(segment, range(500)))
    assert spool.depth == 20
    assert len(files(tmp_path)) > 10
    events, figures = apart(drained(spool))
    assert events == list(map(event, range(500)))
    assert figures == list(map(segment, range(500)))


def test_many_threads_put_while_one_takes(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SMALL)
    threads = [
        threading.Thread(target=put_all, args=(spool, [event(t * 1000 + n) for n in range(200)]))
        for t in range(4)
    ]
    for thread in threads:
        thread.start()
    found: list[str] = []
    while len(found) < 800:
        taken = spool.take(50)
        found += [each.owned.change.event_id for each in taken]  # type: ignore[union-attr]
        spool.done(taken)
    for thread in threads:
        thread.join()
    for t in range(4):
        mine = [int(name[4:]) for name in found if int(name[4:]) // 1000 == t]
        assert mine == [t * 1000 + n for n in range(200)]


KILLED = """
import os, signal, sys
from pathlib import Path
from app.spool import Spool
from tests.app.test_spool import SMALL, event, segment
spool = Spool(Path(sys.argv[1]), SMALL)
for number in range(40):
    spool.put(event(number))
spool.done(spool.take(3))
spool.hold()
spool.put(segment(1))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a process left that was killed, with all but its first changes not done."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert killed.returncode == -9
    return tmp_path


def test_what_a_killed_process_left_is_taken_by_the_next(left: Path) -> None:
    spool = Spool(left, SMALL)
    events, figures = apart(drained(spool))
    assert events[-37:] == list(map(event, range(3, 40)))
    assert figures == [segment(1)]
    spool.close()
    assert list(left.iterdir()) == []


def test_a_process_that_lives_takes_it_too_and_another_does_not(tmp_path: Path, left: Path) -> None:
    first, second = Spool(left, SMALL), Spool(left, SMALL)
    second.adopt()
    assert len(drained(first)) >= 38
    assert drained(second) == []
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    second.adopt()
    first.adopt()
    assert len(drained(second)) >= 38
    assert drained(first) == []
    second.adopt()
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_what_was_left_comes_before_what_is_new(left: Path) -> None:
    spool = Spool(left, SMALL)
    put_all(spool, map(event, range(100, 130)))
    events, _ = apart(drained(spool))
    assert events[-67:] == list(map(event, [*range(3, 40), *range(100, 130)]))


def last_file(root: Path) -> Path:
    return sorted(root.glob("*/events/*"))[-1]


def test_a_torn_last_line_is_no_change_and_spoils_none(left: Path) -> None:
    with last_file(left).open("ab") as file:
        file.write(encode(event(77))[:-20])
    spool = Spool(left, SMALL)
    found = drained(spool)
    assert [each for each in found if each == event(77)] == []
    assert event(39) in found
    assert not (left / REFUSED).exists()
    spool.close()
    assert list(left.iterdir()) == []


def test_a_damaged_line_is_kept_aside_and_holds_up_nothing(
    left: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = last_file(left)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1:1] = [b"rubbish \xff\n"]
    path.write_bytes(b"".join(lines))

    spool = Spool(left, SMALL)
    events, figures = apart(drained(spool))

    assert (events[-1:], figures) == ([event(39)], [segment(1)])
    (kept,) = (left / REFUSED).read_text().splitlines()
    assert json.loads(kept)["line"] == "rubbish \\xff"
    assert "refused, and kept in" in caplog.text
    spool.close()
    assert [path.name for path in left.iterdir()] == [REFUSED]


def test_a_file_that_cannot_be_read_stays_and_holds_up_nothing(
    left: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = sorted(left.glob("*/events/*"))[0]
    spool = Spool(left, SMALL)
    path.unlink()
    path.mkdir()
    found = drained(spool)
    assert event(39) in found
    assert "cannot be read" in caplog.text
    spool.close()
    assert path.exists()


def test_what_the_tables_refuse_is_kept_with_the_reason(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    put_all(spool, [event(1), event(2)])
    first, second = spool.take()
    spool.refuse(first, "no such column")
    spool.done([second])
    spool.close()
    entry = json.loads((tmp_path / REFUSED).read_text())
    assert entry["why"] == "no such column"
    assert decode(entry["line"].encode() + b"\n") == event(1)
    assert [path.name for path in tmp_path.iterdir()] == [REFUSED]


def test_over_the_limit_the_oldest_figures_go_and_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path, replace(SMALL, total_bytes=20_000))
    put_all(spool, map(segment, range(200)))
    put_all(spool, map(event, range(30)))
    spool.tend()
    events, figures = apart(drained(spool))
    assert figures[:10] == list(map(segment, range(10)))  # those in memory
    assert figures[-40:] == list(map(segment, range(160, 200)))
    assert len(figures) < 100
    assert events == list(map(event, range(30)))
    assert "oldest figures are lost: its limit on disk is reached" in caplog.text


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 256 * 1024) as folder:
        yield folder


def test_a_full_disk_leaves_events_to_memory_in_order_and_says_so_once(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(disk / "spool", SMALL)
    put_all(spool, map(event, range(15)))
    ballast = fill(disk)
    put_all(spool, map(event, range(15, 24)))
    assert caplog.text.count("the disk does not take them") == 1

    ballast.unlink()
    spool.tend()
    put_all(spool, map(event, range(24, 40)))

    assert drained(spool) == list(map(event, range(40)))
    spool.close()
    assert list((disk / "spool").iterdir()) == []


def test_with_disk_and_memory_full_the_oldest_goes_and_it_is_said(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(disk / "spool", SMALL)
    put_all(spool, map(event, range(10)))
    fill(disk)
    put_all(spool, map(event, range(10, 100)))
    found = drained(spool)
    assert found[:10] == list(map(event, range(10)))
    assert found[-10:] == list(map(event, range(90, 100)))
    lost = 100 - len(found)
    assert lost > 0
    assert "oldest events are lost: the disk takes nothing and memory is full" in caplog.text


def test_a_closed_spool_says_what_it_could_not_write(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    spool = Spool(disk / "spool", SMALL)
    fill(disk)
    put_all(spool, map(segment, range(5)))
    spool.close()
    assert "5 changes are lost: they could be written nowhere" in caplog.messages


def test_a_process_that_starts_on_a_full_disk_writes_as_soon_as_there_is_room(disk: Path) -> None:
    ballast = fill(disk)
    spool = Spool(disk / "spool", SMALL)
    put_all(spool, map(event, range(3)))
    ballast.unlink()
    put_all(spool, map(event, range(3, 6)))
    spool.hold()
    (name,) = files(disk / "spool")
    lines = (disk / "spool" / name).read_bytes().splitlines(keepends=True)
    assert sorted(lines) == sorted(encode(event(number)) for number in range(6))
    assert drained(spool) == list(map(event, range(6)))
    spool.close()
    assert list((disk / "spool").iterdir()) == []
