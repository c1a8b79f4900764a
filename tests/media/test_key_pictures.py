"""The byte range of a segment's first picture: what is in it is that very picture."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av

from media.boxes import first_picture_end
from media.key_pictures import key_pictures_of, render_key_pictures
from media.simulator import SimulatorThread
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.hls_rules import checked
from tests.media.fragments import Sample, box, full_box, moof, traf, trun
from tests.media.recorded import CAMERA, Told, hours, play, running, world


def test_each_range_decodes_to_the_picture_its_segment_begins_with(tmp_path: Path) -> None:
    """With sound and B-frames: other bytes may lie between index and picture."""
    coded = Encoding(fps=25, gop=10, bframes=2, audio="pcm_alaw")
    camera_world, told = world(tmp_path), Told()
    with SimulatorThread() as simulator:
        simulator.add("a", frame_coded(200, coded))
        with running(camera_world, simulator.url("a"), told):
            told.wait_for_segments(3)
    store = camera_world.store
    hour = hours(store)[0]
    found, shown = play(store, hour)
    ticks = {each.ticks: each.number for each in shown}
    names = [each.name for each in found.segments]
    pictures = key_pictures_of(store, CAMERA, hour, [*names, "000000_000.m4s"])
    assert list(pictures) == names
    folder = store.hour_path(CAMERA, hour)
    for each in found.segments:
        picture = pictures[each.name]
        content = (folder / each.name).read_bytes()
        part = content[picture.start : picture.start + picture.size]
        assert part.index(b"moof") == 4
        movie = io.BytesIO((folder / each.init).read_bytes() + part)
        with av.open(movie, "r") as container:
            first = next(container.decode(video=0))
        number = ticks[each.position - found.segments[0].position]
        assert read_frame_number(first) == number
        assert picture.size < len(content)
    served = checked(render_key_pictures(found.segments, pictures, str, found.ended))
    assert served.i_frames_only
    assert [each.uri for each in served.media] == names


def test_what_does_not_begin_with_a_keyframe_has_none() -> None:
    delta = moof(traf(0, trun([Sample(), Sample()])))
    assert first_picture_end(delta) is None
    assert first_picture_end(moof(traf(0, trun([Sample(is_key=True)]), track=2))) is None


def test_a_picture_ends_where_its_table_says() -> None:
    row = struct.pack(">III", 3600, 50, 0x0200_0000)
    table = full_box(b"trun", 1, 0x701, struct.pack(">Ii", 1, 500), row)
    assert first_picture_end(moof(traf(0, table))) == 550
    within = full_box(b"trun", 1, 0x701, struct.pack(">Ii", 1, 0), row)
    assert first_picture_end(moof(traf(0, within))) is None  # it would end in its own index
    based = full_box(b"tfhd", 0, 0x1, struct.pack(">IQ", 1, 4000))
    assert first_picture_end(moof(traf(0, table, tfhd=based))) is None
    assert first_picture_end(box(b"moof")) is None
