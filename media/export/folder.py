"""Where exports lie: a folder for each attempt, beside the recordings of a store.

A folder is named after its attempt, and an attempt is never made twice: what a killed process left
half made has a name that no finished export ever has.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Container
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from media.export.names import CONTENT, MANIFEST
from media.store import RecordingNotFound, sync_folder

_EXPORTS = ".exports"


def make_folder(root: Path, claim: UUID) -> Path:
    """A new folder for an attempt. Raises OSError, the disk's."""
    (root / _EXPORTS).mkdir(exist_ok=True)
    folder = root / _EXPORTS / claim.hex
    folder.mkdir()
    sync_folder(folder.parent)
    return folder


def open_export(root: Path, claim: UUID, name: str) -> BinaryIO:
    """CONTENT or MANIFEST, open for reading; the file's `name` is its path.

    Raises:
        RecordingNotFound: there is none.
    """
    if name not in (CONTENT, MANIFEST):
        raise RecordingNotFound("no such export")
    path = root / _EXPORTS / claim.hex / name

    def plain(_: str, __: int) -> int:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)

    try:
        file = open(path, "rb", opener=plain)  # noqa: SIM115 - the caller closes it
    except OSError as fault:
        raise RecordingNotFound("no such export") from fault
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise RecordingNotFound("no such export")
    return file


def folders(root: Path) -> list[str]:
    """Names of what there is of exports, made and half made."""
    try:
        return sorted(os.listdir(root / _EXPORTS))
    except FileNotFoundError:
        return []


def remove_folder(root: Path, name: str) -> None:
    """Raises OSError, the disk's."""
    path = root / _EXPORTS / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_others(root: Path, found: list[str], kept: Container[str]) -> int:
    """Removes of the folders found those not kept; how many."""
    doomed = [name for name in found if name not in kept]
    for name in doomed:
        remove_folder(root, name)
    return len(doomed)
