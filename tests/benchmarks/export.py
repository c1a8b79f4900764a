"""Bytes a second of an export, against copying the same files.

`python -m tests.benchmarks.export [megabytes]` lays segments of 1080p down (4 Mbit/s, four seconds
each, a keyframe a second), then in turn copies their bytes into one file, synced, and exports them:
index, one MP4, a hash of each segment and one of the whole. Goal: no less than a quarter of the
copy's rate, as every byte is hashed twice. The second measurement is memory: the tables of a day
of 30 pictures a second with sound. Goal: less than 120 MB.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from media.export.fragments import Chunk
from media.export.layout import Layout, read_layout
from media.export.manifest import FORMAT, Head
from media.export.movie import index_of
from media.export.package import CameraFootage, write_package
from media.export.plan import Movie, Span
from media.export.tables import SampleTables
from media.playlist import Segment
from media.store import CameraFolder, RecordingStore
from tests.clips import Encoding
from tests.reel import Shot, encoding, lay, reel

NOON = 1_780_056_000_000_000
CAMERA = CameraFolder("t1", "cam-gate.0123abcd")
CODED = Encoding(fps=25, gop=10, size=(1920, 1080), crf=14)
ROUNDS = 5
RATE_BAR, MEMORY_BAR_MB = 0.25, 120
HEAD = Head(FORMAT, "vms", "an id", "a benchmark", "now", "then", "later")
DAY_S, FPS, SOUND = 86_400, 30, 48_000


def laid(store: RecordingStore, megabytes: float) -> list[Segment]:
    """The clip again and again, as runs one behind the other."""
    film, made, position = reel(CODED), list[Segment](), 0
    while sum(each.size_bytes for each in made) < megabytes * 1e6:
        at_us = NOON + position * 100 // 9
        made += lay(store, CAMERA, Shot(film, 0, 10, at_us, position, each=10))
        position = made[-1].end_position
    return made


def copy(segments: Sequence[Segment], paths: dict[str, Path], folder: Path) -> None:
    with (folder / "copy").open("wb") as out:
        for each in segments:
            with paths[each.name].open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)
        out.flush()
        os.fsync(out.fileno())


def export(segments: Sequence[Segment], paths: dict[str, Path], folder: Path) -> None:
    footage = CameraFootage("gate", "Gate", segments, (), lambda name: _opened(paths, name))
    span = Span(segments[0].start_us + 1_000_000, segments[-1].end_us)
    write_package(HEAD, span, [footage], folder, lambda _: None)


def _opened(paths: dict[str, Path], name: str):  # type: ignore[no-untyped-def]
    return paths[name].open("rb")


def rates(folder: Path, megabytes: float) -> None:
    store = RecordingStore(folder / "store")
    segments = laid(store, megabytes)
    paths = {path.name: path for path in store.root.rglob("*.m*")}
    size = sum(each.size_bytes for each in segments)
    seconds: dict[str, list[float]] = {"copy": [], "export": []}
    for n in range(ROUNDS):
        for work in (copy, export):
            out = folder / f"{work.__name__}-{n}"
            out.mkdir()
            began = time.perf_counter()
            work(segments, paths, out)
            seconds[work.__name__].append(time.perf_counter() - began)
            shutil.rmtree(out)
    copied, made = (statistics.median(seconds[name]) for name in ("copy", "export"))
    ratio = copied / made
    verdict = "holds" if ratio >= RATE_BAR else "MISSED"
    print(f"{len(segments)} segments, {size / 1e6:.0f} MB, load {os.getloadavg()[0]:.1f}")
    print(f"copy   {size / copied / 1e6:6.0f} MB/s")
    print(f"export {size / made / 1e6:6.0f} MB/s  {ratio:.2f} x copy (goal: {RATE_BAR}) {verdict}")


def _memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    [found] = [each for each in lines if each.startswith(f"{name}:")]
    return int(found.split()[1]) / 1000


def day() -> None:
    """Its tables alone: what of an export grows with its length."""
    [picture] = read_layout(reel(encoding()).init).tracks
    layout = Layout((picture, replace(picture, id=2, timescale=SOUND)))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before_mb = _memory_mb("VmRSS")
    began = time.perf_counter()
    tables = {1: SampleTables(reorders=True), 2: SampleTables(reorders=False)}
    for second in range(DAY_S):
        for track, count, scale in ((1, FPS, 90_000), (2, SOUND // 1024, SOUND)):
            step = scale // count
            times = [second * scale + n * step + n % 3 for n in range(count)]
            shifts = [step * (n % 3) for n in range(count)]
            sync = [n == 0 or track == 2 for n in range(count)]
            tables[track].add(Chunk(track, 0, [9000] * count, times, shifts, sync), 0, second)
    for track, each in tables.items():
        each.end(DAY_S * (90_000 if track == 1 else SOUND))
    movie = Movie(layout, tables, shown_ticks=DAY_S * 90_000, starts_us=NOON)
    written = sum(len(piece) for piece in index_of(movie, 1 << 40).pieces())
    used = _memory_mb("VmHWM") - before_mb
    verdict = "holds" if used < MEMORY_BAR_MB else "MISSED"
    print(
        f"a day of trembling times: index of {written / 1e6:.0f} MB in "
        f"{time.perf_counter() - began:.0f} s, {used:.0f} MB of memory "
        f"(goal: less than {MEMORY_BAR_MB}) {verdict}"
    )


def main() -> None:
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 400
    day()
    with tempfile.TemporaryDirectory() as name:
        rates(Path(name), megabytes)


if __name__ == "__main__":
    main()
