"""What FFmpeg says while a source is opened is heard here, and nowhere else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import av.logging
import pytest

from media.libav import opening

REDIRECT = "Status 302: Redirecting to rtsp://admin:hunter2@169.254.169.254/live"


def say(message: str) -> None:
    logging.getLogger("libav.rtsp").info(message)


def test_a_redirect_is_noticed_and_held_up_until_the_time_is_over() -> None:
    with opening(timeout_s=0.1) as attempt:
        assert not attempt.is_over
        say(REDIRECT)

        assert attempt.redirected
        assert attempt.is_over


def test_other_words_are_no_redirect() -> None:
    with opening(timeout_s=60) as attempt:
        say("method DESCRIBE failed: 404 Not Found")
        say("a camera said: Status 302: Redirecting to nowhere")

        assert not attempt.redirected
        assert not attempt.is_over


def test_over_udp_only_allowed_addresses_may_be_named() -> None:
    said = "line='Transport: RTP/AVP/UDP;unicast;source={}"
    with opening(60, lambda ip: ip == "10.0.0.7") as attempt:
        assert not attempt.leads_away(said.format("10.0.0.7;server_port=5-6'\n"))
        assert not attempt.leads_away("line='Transport: RTP/AVP/UDP;server_port=5-6'\n")
        for other in ("10.0.0.8'\n", "'\n", "10.0.0.7;Source=x'\n", "10.0.0.7" + ";" * 900):
            assert attempt.leads_away(said.format(other))
    with opening(60) as attempt:
        assert not attempt.leads_away(said.format("10.0.0.8'\n"))


def test_another_thread_s_redirect_is_its_own() -> None:
    with opening(timeout_s=60) as attempt:
        other = threading.Thread(target=say, args=(REDIRECT,))
        other.start()
        other.join()

        assert not attempt.redirected


class Heard(logging.Handler):
    """What reaches the handlers of the process."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_nothing_that_ffmpeg_says_reaches_our_logs(heard: Heard) -> None:
    with opening(timeout_s=0.06):
        say(REDIRECT)
        logging.getLogger("libav.h264").error("no frame at rtsp://admin:hunter2@cam")
    logging.getLogger("media").error("ours")

    assert heard.messages == ["ours"]


def test_ffmpeg_is_listened_to_only_while_something_is_opened() -> None:
    assert av.logging.get_level() is None
    inside, go_on = threading.Event(), threading.Event()

    def open_slowly() -> None:
        with opening(timeout_s=60):
            inside.set()
            go_on.wait(10)

    other = threading.Thread(target=open_slowly)
    with opening(timeout_s=60):
        other.start()
        inside.wait(10)
    assert av.logging.get_level() == av.logging.INFO

    go_on.set()
    other.join()
    assert av.logging.get_level() is None
