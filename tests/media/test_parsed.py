"""What was read lately is not parsed again, unless it may have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from media.parsed import MOST, ParsedPlaylists
from media.playlist import Playlist, dump, entry
from tests.footage import segment

NOON = 1_780_056_000_000_000
LONG_AGO_NS = 1_700_000_000_000_000_000


def write(path: Path, segments: int, *, lately: bool = False) -> Playlist:
    made = [segment(NOON + n * 4_000_000, n * 360_000) for n in range(segments)]
    found = Playlist(tuple(made), ended=False)
    path.write_text(dump(found))
    if not lately:
        age(path)
    return found


def age(path: Path, later_ns: int = 0) -> None:
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS + later_ns))


def read(known: ParsedPlaylists, path: Path) -> Playlist:
    with path.open("rb") as file:
        return known.read(file)


def settle() -> None:
    """`ctime` can't be set."""
    time.sleep(2.1)


def test_a_settled_file_is_parsed_once_and_again_when_it_has_grown(tmp_path: Path) -> None:
    known, path = ParsedPlaylists(), tmp_path / "index.m3u8"
    made = write(path, 2)
    settle()
    first = read(known, path)
    assert first.segments == made.segments
    assert read(known, path) is first

    third = segment(NOON + 8_000_000, 720_000)
    with path.open("a") as file:
        file.write(entry(third, made.segments[-1]))
    assert read(known, path).segments[-1].position == 720_000


def test_what_was_written_just_now_is_parsed_each_time(tmp_path: Path) -> None:
    known, path = ParsedPlaylists(), tmp_path / "index.m3u8"
    write(path, 2, lately=True)
    first = read(known, path)
    again = read(known, path)
    assert again == first
    assert again is not first


def test_one_that_takes_the_place_of_another_is_another(tmp_path: Path) -> None:
    known, path = ParsedPlaylists(), tmp_path / "index.m3u8"
    write(path, 2)
    write(tmp_path / "other", 2)
    settle()
    first = read(known, path)
    (tmp_path / "other").replace(path)
    assert read(known, path) is not first


def test_no_more_than_some_are_kept(tmp_path: Path) -> None:
    known = ParsedPlaylists()
    paths = [tmp_path / str(number) for number in range(MOST + 1)]
    for path in paths:
        write(path, 1)
    settle()
    firsts = [read(known, path) for path in paths]
    assert read(known, paths[-1]) is firsts[-1]
    assert read(known, paths[0]) is not firsts[0]
