"""Decoders' processes are made, and none outlives who had it made."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from media.decoding.cradle import NoDecoder, Nursery
from media.decoding.decoder import Decoder
from media.decoding.messages import Coded, ShowStill
from tests.media.decoding.rig import decoders_of, until

TASK = ShowStill("h264")


def runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_decoder_ends_once_and_is_collected() -> None:
    nursery = Nursery()
    one, other = Decoder(nursery, TASK), Decoder(nursery, TASK)
    assert sorted(decoders_of(nursery.pid)) == sorted([one.pid, other.pid])

    assert one.close() == one.close() == "was killed"
    assert decoders_of(nursery.pid) == [other.pid]
    nursery.close()
    until(lambda: not runs(other.pid))
    other.close()


def test_none_are_made_when_it_is_over() -> None:
    nursery = Nursery()
    nursery.start()
    nursery.close()

    with pytest.raises(NoDecoder):
        nursery.make(1.0)
    assert nursery.pid is None


def test_a_nursery_that_was_killed_is_made_anew() -> None:
    nursery = Nursery()
    orphan = Decoder(nursery, TASK)
    first = nursery.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: not runs(orphan.pid))

    assert orphan.close() == "was killed with all others"
    other = Decoder(nursery, TASK)
    assert nursery.pid != first
    other.close()
    nursery.close()


def test_a_nursery_without_decoders_leaves_and_is_back_for_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nursery = Nursery("tests.media.decoding.restless_nursery")
    one, other = Decoder(nursery, TASK), Decoder(nursery, TASK)
    first = nursery.pid
    assert first is not None
    one.close()
    time.sleep(0.2)
    assert decoders_of(first) == [other.pid]
    other.close()
    until(lambda: not Path(f"/proc/{first}").exists())

    for _ in range(20):  # some while it leaves
        Decoder(nursery, TASK).close()
        time.sleep(0.045)
    assert nursery.pid != first
    assert caplog.messages == []
    nursery.close()


def test_all_end_with_the_process_that_had_them_made(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from media.decoding.cradle import Nursery\n"
        "from media.decoding.decoder import Decoder\n"
        "from media.decoding.messages import Coded, ShowStill\n"
        "nursery = Nursery()\n"
        "decoder = Decoder(nursery, ShowStill('h264'))\n"
        "list(decoder.ask([Coded(b'nothing', None, None, True)]))\n"
        "print(nursery.pid, decoder.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        pids = [int(each) for each in worker.stdout.readline().split()]
        assert all(map(runs, pids))
        os.kill(pids[1], signal.SIGSTOP)  # as good as one that hangs
        worker.kill()

    until(lambda: not any(map(runs, pids)))


def test_a_signal_to_all_ends_none_of_them() -> None:
    nursery = Nursery()
    decoder = Decoder(nursery, TASK)
    assert nursery.pid is not None
    for pid in (nursery.pid, decoder.pid):
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)

    assert decoder.close() == "was killed"
    nursery.close()


def test_they_know_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMS_JWT_SECRET", "quite a secret")
    nursery = Nursery()
    decoder = Decoder(nursery, TASK)
    list(decoder.ask([Coded(b"nothing", None, None, is_keyframe=True)]))  # it is set up
    assert nursery.pid is not None
    seen = [
        Path(f"/proc/{pid}/{what}").read_bytes()
        for pid in (nursery.pid, decoder.pid)
        for what in ("environ", "cmdline")
    ]
    limits = Path(f"/proc/{decoder.pid}/limits").read_text()
    open_files = [os.readlink(each) for each in Path(f"/proc/{decoder.pid}/fd").iterdir()]
    decoder.close()
    nursery.close()

    assert not any(b"secret" in each for each in seen)
    assert "Max core file size        0 " in limits
    assert "Max address space         unlimited" not in limits
    assert sum(each.startswith("socket:") for each in open_files) == 1
