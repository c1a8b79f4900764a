"""Cameras that others have written: GStreamer's RTSP server and VLC, where they are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import Server

SIGN_IN = "viewer:s3cret-word"
_SYSTEM_PYTHON = "/usr/bin/python3"
_GSTREAMER = Path(__file__).with_name("gstreamer_camera.py")
_PLUGINS = ("rtph264pay", "qtdemux", "h264parse")


@contextmanager
def gstreamer(clip: Path, folder: Path) -> Iterator[str]:
    """The address of a camera that plays an H.264 clip once for whoever comes first."""
    if not _has_gstreamer():
        pytest.skip("GStreamer's RTSP server is not installed")
    port = _free_port()
    command = [_SYSTEM_PYTHON, str(_GSTREAMER), str(port), str(clip), "h264"]
    server = Server(command, folder / "gstreamer.log", signal.SIGTERM, None)
    with _running(server, port) as url:
        yield url


@contextmanager
def vlc(clip: Path) -> Iterator[str]:
    """The address of a camera that plays a clip once, from now on, over UDP alone."""
    if shutil.which("cvlc") is None:
        pytest.skip("VLC is not installed")
    with tempfile.TemporaryDirectory(prefix="vms-vlc-") as name:
        folder, port = Path(name), _free_port()
        folder.chmod(0o755)  # VLC refuses root, and another user can't look into pytest's folders
        user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        own = Path(shutil.copyfile(clip, folder / "clip.mp4"))
        viewer, password = SIGN_IN.split(":")
        command = [
            *("cvlc", "-q", str(own), "--sout", f"#rtp{{sdp=rtsp://127.0.0.1:{port}/camera}}"),
            *("--sout-rtsp-user", viewer, "--sout-rtsp-pwd", password),
        ]
        server = Server(command, folder / "log", signal.SIGTERM, user)
        with _running(server, port) as url:
            yield url


@contextmanager
def _running(server: Server, port: int) -> Iterator[str]:
    try:
        server.start(lambda: _answers(port))
        yield f"rtsp://{SIGN_IN}@127.0.0.1:{port}/camera"
    finally:
        server.stop()


def _has_gstreamer() -> bool:
    if shutil.which(_SYSTEM_PYTHON) is None:
        return False
    needed = (
        "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0'); "
        "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
        f"assert all(map(Gst.ElementFactory.find, {_PLUGINS}))"
    )
    asked = subprocess.run([_SYSTEM_PYTHON, "-c", needed], capture_output=True, check=False)
    return asked.returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
