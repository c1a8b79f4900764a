"""An export begins with the picture of the moment asked for, and holds what was recorded."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import av
import pytest

from media.boxes import BoxError
from media.export.manifest import FORMAT, Head, Missing
from media.export.names import CONTENT, MANIFEST
from media.export.package import CameraFootage, Package, write_package
from media.export.plan import FootageGone, Span
from media.playlist import Segment
from media.simulator import SimulatorThread
from media.store import CameraFolder, RecordingNotFound, RecordingStore
from tests.clips import Encoding, frame_coded
from tests.media.recorded import CAMERA, Told, hours, running, world
from tests.reel import FPS, FRAME, FRAME_US, GOP, Reel, Shot, encoding, lay, reel, shown
from tests.scenarios.playing import has_ffmpeg

NOON = 1_780_056_000_000_000
SECOND = 1_000_000
HEAD = Head(FORMAT, "vms 0", "an id", "eva", "now", "then", "later")
KINDS = [("h264", 0), ("h264", 2), ("h264", 3), ("hevc", 0), ("hevc", 3)]


class Shop:
    """Exports what is laid down, into a folder for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = RecordingStore(folder / "store")
        self.count = 0
        self.read_bytes = 0

    def lay(self, *shots: Shot, camera: CameraFolder = CAMERA) -> list[Segment]:
        return lay(self.store, camera, *shots)

    def open(self, name: str) -> BinaryIO:
        for path in self.store.root.rglob(name):
            return path.open("rb")
        raise RecordingNotFound(name)

    def footage(
        self, segments: Sequence[Segment], name: str = "cam-gate", missing: Sequence[Missing] = ()
    ) -> CameraFootage:
        return CameraFootage(name, "Gate", segments, missing, self.open)

    def export(self, span: Span, *cameras: CameraFootage) -> tuple[Package, Path, dict[str, Any]]:
        self.count += 1
        folder = self.folder / f"export-{self.count}"
        folder.mkdir()

        def told(count: int) -> None:
            self.read_bytes += count

        package = write_package(HEAD, span, cameras, folder, told)
        return package, folder / CONTENT, json.loads((folder / MANIFEST).read_text())

    def one(self, segments: Sequence[Segment], span: Span) -> tuple[Path, dict[str, Any]]:
        """An MP4 of one camera, and what the manifest says of it."""
        inside = [each for each in segments if each.end_us > span.from_us]
        inside = [each for each in inside if each.start_us < span.to_us]
        package, path, manifest = self.export(span, self.footage(inside))
        [camera] = manifest["cameras"]
        [file] = camera["files"]
        assert package.file_name == file["name"]
        assert package.size_bytes == path.stat().st_size == file["bytes"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        return path, camera


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def film(codec: str = "h264", bframes: int = 0, width: int = 320) -> Reel:
    return reel(encoding(codec, bframes, width))


def frames(first: int, end: int) -> list[tuple[float, int]]:
    """Frames [first, end) as a player shows them from the start."""
    return [(round((n - first) / FPS, 6), n) for n in range(first, end)]


@pytest.mark.parametrize(("codec", "bframes"), KINDS)
def test_all_of_a_run_is_as_it_was(shop: Shop, codec: str, bframes: int) -> None:
    segments = shop.lay(Shot(film(codec, bframes), 0, 10, NOON, 0))
    path, camera = shop.one(segments, Span(NOON, NOON + 4 * SECOND))
    assert shown(str(path)) == frames(0, 100)
    assert camera["gaps"] == []
    assert camera["files"][0]["start"] == "2026-05-29T12:00:00.000Z"
    assert camera["files"][0]["seconds"] == 4.0


@pytest.mark.parametrize(("codec", "bframes"), KINDS)
@pytest.mark.parametrize("first", [0, 1, 9, 10, 17, 29, 33])
def test_it_begins_with_the_picture_of_the_moment(
    shop: Shop, codec: str, bframes: int, first: int
) -> None:
    segments = shop.lay(Shot(film(codec, bframes), 0, 10, NOON, 12_345 * FRAME))
    begin, end = NOON + first * FRAME_US, NOON + (first + 41) * FRAME_US
    path, _ = shop.one(segments, Span(begin, end))
    assert shown(str(path)) == frames(first, first + 41)


def test_a_moment_inside_a_picture_begins_with_that_picture(shop: Shop) -> None:
    segments = shop.lay(Shot(film(bframes=2), 0, 10, NOON, 0))
    path, camera = shop.one(segments, Span(NOON + 13 * FRAME_US + 30_000, NOON + 3 * SECOND))
    assert shown(str(path)) == frames(13, 75)
    assert camera["files"][0]["start"] == "2026-05-29T12:00:00.520Z"


def test_nothing_after_the_end_is_in_the_file(shop: Shop) -> None:
    segments = shop.lay(Shot(film(), 0, 10, NOON, 0))
    path, _ = shop.one(segments, Span(NOON, NOON + 13 * FRAME_US))
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        assert sum(packet.size > 0 for packet in container.demux(video=0)) == 13


def test_without_the_edit_list_it_begins_with_the_keyframe(shop: Shop) -> None:
    segments = shop.lay(Shot(film(bframes=2), 0, 10, NOON, 0))
    path, _ = shop.one(segments, Span(NOON + 17 * FRAME_US, NOON + 3 * SECOND))
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        assert container.decode(video=0).__next__().key_frame
    moov = path.read_bytes().index(b"moov")
    assert moov < path.read_bytes().index(b"mdat")


def test_a_gap_is_not_filled_and_told_with_its_reason(shop: Shop) -> None:
    """The second run's positions go on where the first one ended; the clock does not."""
    gap = Missing(Span(NOON + 2 * SECOND, NOON + 9 * SECOND), "the camera went away")
    run = [Shot(film(), 0, 5, NOON, 0), Shot(film(), 5, 10, NOON + 9 * SECOND, 50 * FRAME)]
    segments = shop.lay(*run)
    span = Span(NOON, NOON + 11 * SECOND)
    _, path, manifest = shop.export(span, shop.footage(segments, missing=[gap]))
    [camera] = manifest["cameras"]
    assert shown(str(path)) == frames(0, 100)
    assert camera["gaps"] == [
        {
            "from": "2026-05-29T12:00:02.000Z",
            "to": "2026-05-29T12:00:09.000Z",
            "reason": "the camera went away",
        }
    ]
    places = [each["file_seconds"] for each in camera["files"][0]["segments"]]
    assert places == [0.0, 0.8, 1.6, 2.0, 2.8, 3.6]


def test_a_jump_of_positions_is_no_time_in_the_file(shop: Shop) -> None:
    run = [
        Shot(film(bframes=2), 0, 4, NOON, 0),
        Shot(film(bframes=2), 6, 10, NOON + 60 * SECOND, 10**9),
    ]
    path, camera = shop.one(shop.lay(*run), Span(NOON, NOON + 70 * SECOND))
    numbers = [*range(40), *range(60, 100)]
    assert shown(str(path)) == [(round(n / FPS, 6), at) for n, at in enumerate(numbers)]
    assert [each["reason"] for each in camera["gaps"]] == ["no footage is listed there"] * 2


def test_each_segment_is_told_with_its_hash(shop: Shop) -> None:
    segments = shop.lay(Shot(film(), 0, 10, NOON, 0))
    _, camera = shop.one(segments, Span(NOON + SECOND, NOON + 3 * SECOND))
    told = camera["files"][0]["segments"]
    assert [each["name"] for each in told] == [each.name for each in segments[1:4]]
    for each in told:
        with shop.open(each["name"]) as file:
            content = file.read()
        assert (each["sha256"], each["bytes"]) == (
            hashlib.sha256(content).hexdigest(),
            len(content),
        )
    assert told[0]["file_seconds"] == -0.2
    assert shop.read_bytes == sum(each["bytes"] for each in told)


def test_other_parameters_make_another_file(shop: Shop) -> None:
    """Each MP4 has one sample description for each track, which every player takes."""
    run = [
        Shot(film(), 0, 4, NOON, 0),
        Shot(film(width=352), 0, 4, NOON + 2 * SECOND, 40 * FRAME),
        Shot(film(), 4, 8, NOON + 4 * SECOND, 80 * FRAME),
    ]
    segments = shop.lay(*run)
    span = Span(NOON + FRAME_US, NOON + 6 * SECOND)
    package, path, manifest = shop.export(span, shop.footage(segments))
    assert package.file_name == "export_2026-05-29T12-00-00Z.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        archive.extractall(shop.folder)
        names = [f"cam-gate_2026-05-29T12-00-00Z_{n}.mp4" for n in (1, 2, 3)]
        assert archive.namelist() == [*names, MANIFEST]
        assert json.loads(archive.read(MANIFEST)) == manifest
    numbers = [[n for _, n in shown(str(shop.folder / name))] for name in names]
    assert numbers == [[*range(1, 40)], [*range(40)], [*range(40, 80)]]
    starts = [each["start"][17:] for each in manifest["cameras"][0]["files"]]
    assert starts == ["00.040Z", "02.000Z", "04.000Z"]


def test_several_cameras_are_a_zip_that_stores_them(shop: Shop) -> None:
    other = CameraFolder("t1", "cam-door.0123abcd")
    one = shop.lay(Shot(film(), 0, 5, NOON, 0))
    two = shop.lay(Shot(film(width=352), 5, 10, NOON + 2 * SECOND, 0), camera=other)
    span = Span(NOON, NOON + 4 * SECOND)
    cameras = [shop.footage(one), shop.footage(two, "cam-door"), shop.footage([], "cam-off")]
    _, path, manifest = shop.export(span, *cameras)
    with zipfile.ZipFile(path) as archive:
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}
        for camera in manifest["cameras"]:
            for file in camera["files"]:
                content = archive.read(file["name"])
                assert hashlib.sha256(content).hexdigest() == file["sha256"]
    told = {each["camera_id"]: each for each in manifest["cameras"]}
    assert [len(each["files"]) for each in told.values()] == [1, 1, 0]
    assert [each["from"][17:] for each in told["cam-off"]["gaps"]] == ["00.000Z"]
    assert manifest["exported_by"] == "eva"


def test_what_goes_meanwhile_is_told(shop: Shop) -> None:
    segments = shop.lay(Shot(film(), 0, 10, NOON, 0))
    next(shop.store.root.rglob(segments[3].name)).unlink()
    with pytest.raises(FootageGone):
        shop.one(segments, Span(NOON, NOON + 4 * SECOND))


def test_what_goes_after_it_was_planned_is_told(shop: Shop) -> None:
    segments = shop.lay(Shot(film(), 0, 10, NOON, 0))
    footage = shop.footage(segments)

    def told(_: int) -> None:
        for path in shop.store.root.rglob(segments[-1].name):
            path.unlink()

    with pytest.raises(FootageGone):
        write_package(HEAD, Span(NOON, NOON + 4 * SECOND), [footage], shop.folder, told)


@pytest.mark.parametrize("damage", [b"", b"\0" * 400, b"\xff" * 400])
def test_a_damaged_segment_is_told(shop: Shop, damage: bytes) -> None:
    segments = shop.lay(Shot(film(), 0, 10, NOON, 0))
    path = next(shop.store.root.rglob(segments[1].name))
    content = path.read_bytes()
    path.write_bytes(content[:100] + damage + content[100 + len(damage) : -40])
    with pytest.raises(BoxError):
        shop.one(segments, Span(NOON, NOON + 4 * SECOND))


@pytest.fixture(scope="module", params=[0, 2], ids=["in order", "B-frames"])
def with_sound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> RecordingStore:
    """Two runs of a camera with sound, as they were really recorded."""
    here = world(tmp_path_factory.mktemp("sound"), segment_seconds=1.0)
    coded = Encoding(gop=GOP, bframes=request.param, audio="aac")
    with SimulatorThread() as simulator:
        mount, told = simulator.add("gate", frame_coded(500, coded)), Told()
        with running(here, simulator.url("gate"), told):
            told.wait_for_segments(2)
            mount.kick()
            told.wait_for_runs(2)
            told.wait_for_segments(5)
    return here.store


def test_sound_stays_beside_its_picture(with_sound: RecordingStore, tmp_path: Path) -> None:
    """The tone begins with each 25th picture, also behind a cut and a gap."""
    (hour,) = hours(with_sound)
    segments = with_sound.playlist(CAMERA, hour).segments
    footage = CameraFootage(
        "gate", "Gate", segments, (), lambda name: with_sound.open_file(CAMERA, hour, name)
    )
    begin = segments[0].start_us + 14 * FRAME_US
    write_package(HEAD, Span(begin, segments[-1].end_us), [footage], tmp_path, lambda _: None)
    path = str(tmp_path / CONTENT)
    pictures = shown(path)
    assert pictures[0] == (0.0, 14)
    loud = _loud_times(path)
    beginnings = [at for at, number in pictures if number % 25 == 0]
    heard = [any(abs(at - each) < 0.06 for each in loud) for at in beginnings[:-1]]
    # A connection that breaks takes the last of its sound with it.
    assert (heard[0], heard[-1], heard.count(False) <= 1) == (True, True, True), (beginnings, loud)


def _loud_times(path: str) -> list[float]:
    """When sound begins, in seconds."""
    times, was_loud = [], True
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()[0]
            for n in range(0, len(samples), 256):
                is_loud = abs(samples[n : n + 256]).max() > 0.05
                if is_loud and not was_loud:
                    times.append((frame.time or 0) + n / frame.sample_rate)
                was_loud = is_loud
    return times


def test_ffprobe_finds_nothing_wrong(shop: Shop) -> None:
    if not has_ffmpeg():
        pytest.skip("no ffmpeg on this machine")
    segments = shop.lay(Shot(film(bframes=3), 0, 10, NOON, 0))
    path, _ = shop.one(segments, Span(NOON + 3 * FRAME_US, NOON + 77 * FRAME_US))
    command = ["ffmpeg", "-v", "warning", "-i", str(path), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    asked = ["-show_entries", "format=duration", "-of", "csv=p=0"]
    told = subprocess.run(
        ["ffprobe", "-v", "error", *asked, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "2.960000"
