"""Metrics of several processes of one host in one folder, so that any of them shows their sum.

Imports nothing that defines a metric: prometheus_client decides as it is imported whether values
live in memory or in files.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from app.settings import SettingsError

_folder: Path | None = None


def share_metrics(folder: Path) -> None:
    """Call it before anything imports prometheus_client. Who comes first empties the folder.

    The lock is kept until the process ends, however it ends. Counters of processes that are no
    more stay, or their sum would fall.

    Raises:
        SettingsError: the folder cannot be used.
    """
    global _folder  # noqa: PLW0603 - one for the process, as prometheus_client has it
    try:
        _open_folder(folder)
    except OSError as error:
        raise SettingsError(f"VMS_METRICS_DIR: {folder}: {error.strerror}") from error
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # noqa: TID251 - for prometheus_client
    _folder = folder


def _open_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # others are there, or just emptying it: then this waits
    else:
        for file in folder.glob("*.db"):
            file.unlink()
    fcntl.flock(lock, fcntl.LOCK_SH)


def shared_folder() -> Path | None:
    return _folder
