"""Fragments are read as muxers write them; what is damaged or torn never counts as whole."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.boxes import (
    RUN_BOX_BYTES,
    BoxError,
    Fragment,
    FragmentSplitter,
    RunBox,
    Whole,
    boxes,
    init_name,
    read_fragment,
    scan,
)
from media.types import RunClock
from tests.media.fragments import (
    FRAME,
    INIT,
    Sample,
    full_box,
    gop,
    moof,
    sound,
    traf,
    trun,
)

CLOCK = RunClock(UUID("12345678-1234-1234-1234-123456789abc"), 1_780_000_000_000_000, 900)
ENCODER = {"g": "10", "bf": "2", "sc_threshold": "0"}
BOX = RunBox(CLOCK, "init-0123456789.mp4")


def test_a_run_box_is_read_as_it_was_written() -> None:
    encoded = BOX.encoded()

    assert len(encoded) == RUN_BOX_BYTES
    assert RunBox.decoded(encoded + b"more") == BOX
    assert [kind for kind, _, _ in boxes(encoded, 0, len(encoded))] == [b"uuid"]


@given(st.uuids(), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_any_clock_fits_into_a_run_box(run_id: UUID, anchor_us: int, position: int) -> None:
    box = RunBox(RunClock(run_id, anchor_us, position), init_name(b"init"))

    assert RunBox.decoded(box.encoded()) == box


@pytest.mark.parametrize("torn_at", [0, 7, 8, 24, RUN_BOX_BYTES - 1])
def test_a_torn_run_box_is_none(torn_at: int) -> None:
    assert RunBox.decoded(BOX.encoded()[:torn_at]) is None


@pytest.mark.parametrize("at", [*range(24)])
def test_other_bytes_are_no_run_box(at: int) -> None:
    head = bytearray(BOX.encoded())
    head[at] ^= 0x55

    assert RunBox.decoded(bytes(head)) is None


def test_an_init_segment_is_named_by_its_content() -> None:
    assert init_name(b"") == "init-e3b0c44298.mp4"
    assert init_name(b"a") != init_name(b"b")


def test_a_box_that_is_cut_off_ends_the_list() -> None:
    content = gop(0)[0][0] + b"\x00\x00\x00\x20mdat1234"

    assert [kind for kind, _, _ in boxes(content, 0, len(content))] == [b"moof"]
    assert list(boxes(b"\x00\x00\x00\x07free", 0, 8)) == []


def test_frames_without_reordering() -> None:
    samples = [Sample(is_key=True), Sample(), Sample(duration=4000)]

    found = read_fragment(moof(traf(7200, trun(samples))))

    assert found == Fragment(7200, 7200 + 2 * FRAME + 4000, starts_with_keyframe=True)


def test_a_fragment_may_begin_within_a_gop() -> None:
    found = read_fragment(moof(traf(0, trun([Sample(), Sample(is_key=True)]))))

    assert found == Fragment(0, 2 * FRAME, starts_with_keyframe=False)


def test_b_frames_end_where_the_last_shown_frame_ends() -> None:
    # Decoded I P B B, shown I B B P; the decode times are two frames ahead.
    shifts = [2 * FRAME, 4 * FRAME, FRAME, FRAME]
    samples = [Sample(shift=shift, is_key=number == 0) for number, shift in enumerate(shifts)]

    found = read_fragment(moof(traf(0, trun(samples, shifted=True))))

    assert found == Fragment(2 * FRAME, 6 * FRAME, starts_with_keyframe=True)


def test_negative_shifts_are_read() -> None:
    samples = [Sample(is_key=True), Sample(shift=2 * FRAME), Sample(shift=-FRAME)]

    found = read_fragment(moof(traf(9000, trun(samples, shifted=True))))

    assert found == Fragment(9000, 9000 + 4 * FRAME, starts_with_keyframe=True)


def test_several_runs_of_samples_follow_each_other() -> None:
    runs = [trun([Sample(is_key=True), Sample()]), trun([Sample()])]

    assert read_fragment(moof(traf(0, *runs))) == Fragment(0, 3 * FRAME, starts_with_keyframe=True)


def test_what_the_samples_do_not_say_the_track_does() -> None:
    tfhd = full_box(b"tfhd", 0, 0x2002A, struct.pack(">IIII", 1, 1, FRAME, 0x0101_0000))
    first_flags = full_box(b"trun", 0, 0x205, struct.pack(">IiI", 2, 0, 0x0200_0000), b"\0" * 8)
    plain = full_box(b"trun", 0, 0x0, struct.pack(">I", 3))

    with_own = read_fragment(moof(traf(0, first_flags, tfhd=tfhd)))
    without = read_fragment(moof(traf(0, plain, tfhd=tfhd)))

    assert with_own == Fragment(0, 2 * FRAME, starts_with_keyframe=True)
    assert without == Fragment(0, 3 * FRAME, starts_with_keyframe=False)


def test_the_short_form_of_the_decode_time_is_read() -> None:
    tfhd = full_box(b"tfhd", 0, 0x20000, struct.pack(">I", 1))
    tfdt = full_box(b"tfdt", 0, 0, struct.pack(">I", 4_000_000_000))
    content = tfhd + tfdt + trun([Sample(is_key=True)])

    found = read_fragment(moof(struct.pack(">I4s", 8 + len(content), b"traf") + content))

    assert found is not None
    assert found.position == 4_000_000_000


def test_sound_is_no_video() -> None:
    assert sound(0)[1] is None
    both = moof(traf(5, trun([Sample()]), track=2), traf(9, trun([Sample(is_key=True)])))
    assert read_fragment(both) == Fragment(9, 9 + FRAME, starts_with_keyframe=True)


def test_a_fragment_without_samples_is_no_video() -> None:
    assert read_fragment(moof()) is None
    assert read_fragment(moof(traf(0))) is None
    assert read_fragment(moof(traf(0, trun([])))) is None


@given(st.data())
def test_a_damaged_index_is_an_error_and_nothing_worse(data: st.DataObject) -> None:
    head = bytearray(moof(traf(0, trun([Sample(is_key=True), Sample()], shifted=True))))
    for _ in range(data.draw(st.integers(1, 6))):
        head[data.draw(st.integers(0, len(head) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(head)))

    for content in (bytes(head), bytes(head[:cut])):
        try:
            read_fragment(content)
        except BoxError:
            continue


@pytest.mark.parametrize("kind", [b"tfhd", b"tfdt", b"trun"])
def test_a_box_that_is_too_short_for_its_kind_is_an_error(kind: bytes) -> None:
    tfhd = full_box(b"tfhd", 0, 0x20000, struct.pack(">I", 1))
    content = tfhd + struct.pack(">I4s", 8, kind)

    with pytest.raises(BoxError):
        read_fragment(moof(struct.pack(">I4s", 8 + len(content), b"traf") + content))


@pytest.mark.parametrize("flags", [0x0, 0x701])
def test_more_samples_than_there_can_be_are_an_error(flags: int) -> None:
    endless = full_box(b"trun", 0, flags, struct.pack(">Ii", 0xFFFF_FFFF, 0))

    with pytest.raises(BoxError):
        read_fragment(moof(traf(0, endless)))


@pytest.mark.parametrize("step", [1, 3, 7, 8, 9, 100, 10_000])
def test_a_splitter_takes_pieces_of_any_size(step: int) -> None:
    fragments = [b"".join(gop(number * 25 * FRAME)[0]) for number in range(3)]
    written = INIT + b"".join(fragments)
    splitter = FragmentSplitter()

    taken: list[bytes] = []
    for at in range(0, len(written), step):
        assert splitter.write(written[at : at + step]) == len(written[at : at + step])
        assert splitter.has_whole == (sum(map(len, taken)) != _whole_before(written, at + step))
        taken += [b"".join(pieces) for pieces in splitter.take()]

    assert splitter.init == INIT
    assert taken == fragments
    assert not splitter.has_whole


def _whole_before(written: bytes, end: int) -> int:
    """Bytes of fragments that are whole in written[:end]."""
    at = [stop for kind, _, stop in boxes(written, 0, min(end, len(written))) if kind == b"mdat"]
    return at[-1] - len(INIT) if at else 0


def test_a_fragment_s_first_piece_is_its_whole_index() -> None:
    head, *_ = gop(0)[0]
    splitter = FragmentSplitter()
    written = INIT + b"".join(gop(0)[0])
    for at in range(0, len(written), 5):
        splitter.write(written[at : at + 5])

    (pieces,) = splitter.take()

    assert pieces[0] == head


def test_a_box_of_unknown_length_is_an_error() -> None:
    with pytest.raises(BoxError):
        FragmentSplitter().write(b"\x00\x00\x00\x01mdat")


def test_a_muxer_s_output_is_understood() -> None:
    splitter = FragmentSplitter()
    options = {
        "movflags": "frag_keyframe+empty_moov+delay_moov+frag_discont+skip_trailer",
        "use_editlist": "0",
        "video_track_timescale": "90000",
    }
    with av.open(splitter, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=25, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(30):
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    found = [read_fragment(pieces[0]) for pieces in splitter.take()]

    assert [one and one.starts_with_keyframe for one in found] == [True] * 3
    ends = [(one.position, one.end_position) for one in found if one]
    assert [end - start for start, end in ends] == [10 * FRAME] * 3
    assert [end for _, end in ends[:-1]] == [start for start, _ in ends[1:]]


def scanned(path: Path, content: bytes) -> Whole | None:
    path.write_bytes(content)
    with path.open("rb") as file:
        return scan(file)


def test_torn_at_any_byte_only_whole_fragments_count(tmp_path: Path) -> None:
    first, second = (b"".join(gop(at, frames=3)[0]) for at in (0, 3 * FRAME))
    content = BOX.encoded() + first + second
    path = tmp_path / "segment"

    for torn_at in range(RUN_BOX_BYTES, len(content)):
        found = scanned(path, content[:torn_at])
        if torn_at < RUN_BOX_BYTES + len(first):
            assert found is None
        else:
            assert found == Whole(RUN_BOX_BYTES + len(first), 0, 3 * FRAME)
    assert scanned(path, content) == Whole(len(content), 0, 6 * FRAME)


def test_sound_counts_with_the_video_it_stands_beside(tmp_path: Path) -> None:
    video, other = b"".join(gop(0)[0]), b"".join(sound(0)[0])
    head = BOX.encoded()

    assert scanned(tmp_path / "both", head + other + video + other) == Whole(
        RUN_BOX_BYTES + len(video) + 2 * len(other), 0, 25 * FRAME
    )
    assert scanned(tmp_path / "sound", head + other) is None


@pytest.mark.parametrize(
    "tail", [b"\0" * 4096, b"\x00\x00\x00\x01moof", b"\x00\x00\x00\x08mdat", b"junk" * 100]
)
def test_what_a_power_cut_leaves_behind_the_last_fragment_is_cut_off(
    tmp_path: Path, tail: bytes
) -> None:
    video = b"".join(gop(0)[0])

    found = scanned(tmp_path / "segment", BOX.encoded() + video + tail)

    assert found == Whole(RUN_BOX_BYTES + len(video), 0, 25 * FRAME)


def test_a_damaged_index_ends_what_is_whole(tmp_path: Path) -> None:
    video = b"".join(gop(0)[0])
    endless = moof(traf(0, full_box(b"trun", 0, 0x701, struct.pack(">Ii", 0xFFFF_FFFF, 0))))

    found = scanned(
        tmp_path / "segment", BOX.encoded() + video + endless + b"\x00\x00\x00\x08mdat" + video
    )

    assert found == Whole(RUN_BOX_BYTES + len(video), 0, 25 * FRAME)
