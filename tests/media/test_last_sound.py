"""Silence is coded as the sound before it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import pytest

from media.export.layout import Layout, read_layout
from media.last_sound import last_coding
from media.sound import USUAL_SILENCE
from media.store import RecordingStore
from tests.clips import AudioCodec, Encoding, frame_coded
from tests.media.from_clip import Ends, record
from tests.media.recorded import CAMERA, hours
from tests.media.test_anchor import HandClock

CODED = Encoding(gop=25)
ENDS = Ends(3.0, 0.0, 3.0)


def record_runs(root: Path, *clips: Path) -> RecordingStore:
    store, clock, position = RecordingStore(root, 3600), HandClock(), 0
    for clip in clips:
        position = record(store, clip, ENDS, position, clock)
        clock.go(1_000_000)
    return store


def clip_with(audio: AudioCodec | None) -> Path:
    return frame_coded(100, replace(CODED, audio=audio))


def inits(store: RecordingStore) -> list[Path]:
    """Of each run."""
    (hour,) = hours(store)
    segments = store.playlist(CAMERA, hour).segments
    runs = {one.run_id: one.init for one in segments}
    return [store.hour_path(CAMERA, hour) / name for name in runs.values()]


def layouts(store: RecordingStore) -> list[Layout]:
    return [read_layout(init.read_bytes()) for init in inits(store)]


def surround_clip(path: Path) -> Path:
    """The pictures of a clip beside a second of AAC with six channels."""
    with av.open(str(clip_with(None))) as clip, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(clip.streams.video[0])
        sound = out.add_stream("aac", rate=48_000, layout="5.1")
        for packet in clip.demux():
            if packet.size:
                packet.stream = video
                out.mux_one(packet)
        for number in range(47):
            frame = av.AudioFrame("fltp", "5.1", 1024)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = 48_000, number * 1024
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("audio", "rate"), [("aac", 48_000), ("opus", 48_000), ("pcm_alaw", 8_000), (None, 16_000)]
)
def test_it_is_that_of_the_latest_footage(
    tmp_path: Path, audio: AudioCodec | None, rate: int
) -> None:
    store = record_runs(tmp_path, clip_with("aac"), clip_with(audio))

    found = last_coding(store, CAMERA)

    assert (found.rate, found.channels) == (48_000 if audio is None else rate, 1)


def test_a_camera_that_never_had_sound_keeps_its_silence(tmp_path: Path) -> None:
    store = record_runs(tmp_path, clip_with(None), clip_with(None))

    assert replace(last_coding(store, CAMERA), setup=None) == USUAL_SILENCE
    assert len(set(inits(store))) == 1


@pytest.mark.parametrize("audio", ["aac", "opus", "pcm_alaw"])
def test_runs_on_both_sides_of_switching_sound_off_fit_into_one_film(
    tmp_path: Path, audio: AudioCodec
) -> None:
    store = record_runs(tmp_path, clip_with(audio), clip_with(None), clip_with(audio))

    first, *others = layouts(store)

    assert len(first.tracks) == 2
    assert others == [first, first]


def test_silence_behind_sound_of_many_channels_is_the_usual_one(tmp_path: Path) -> None:
    surround = surround_clip(tmp_path / "surround.mp4")
    store = record_runs(tmp_path / "footage", surround, clip_with(None))

    before, behind = layouts(store)

    assert [len(before.tracks), len(behind.tracks)] == [2, 2]
    assert behind.tracks[1].timescale == USUAL_SILENCE.rate


def test_without_footage_it_is_the_usual_one(tmp_path: Path) -> None:
    assert last_coding(RecordingStore(tmp_path, 3600), CAMERA) == USUAL_SILENCE


def test_an_init_segment_that_is_damaged_or_missing_is_no_reason_not_to_record(
    tmp_path: Path,
) -> None:
    store = record_runs(tmp_path, clip_with("aac"))
    (init,) = inits(store)

    init.write_bytes(b"\0" * 700)
    damaged = last_coding(store, CAMERA)
    init.unlink()
    missing = last_coding(store, CAMERA)

    assert damaged == missing == USUAL_SILENCE
