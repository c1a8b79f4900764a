"""Motion, told without a network: by clips of brightness, and through a camera's analysis."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from app.model_choice import Loading
from media.analysis import AnalysisConfig
from media.detect.motion_clips import MOTION, MotionClassifier
from media.recorded_packets import clip
from media.replay import replay
from media.types import MOTION_VERSION, TICKS_PER_SECOND, ChangeKind, EventChange
from tests.clips import Encoding, write_clip

KEY = uuid.UUID(int=7)
FPS = 10
STREET = Encoding(fps=FPS, size=(320, 180), gop=FPS)


def scene(at: int | None, light: int = 0, noise: int | None = None) -> NDArray[np.uint8]:
    """A street in grey, with something at column `at`; (180, 320)."""
    picture = np.linspace(60, 160, 320)[None, :].repeat(180, axis=0) + light
    if noise is not None:
        picture += np.random.default_rng(noise).normal(0.0, 3.0, picture.shape)
    if at is not None:
        picture[80:140, at : at + 20] = 230
    return np.clip(picture, 0, 255).astype(np.uint8)


def score(*pictures: NDArray[np.uint8]) -> float:
    session, scaler = MotionClassifier().session(), VideoReformatter()
    frames = (av.VideoFrame.from_ndarray(each, format="gray") for each in pictures)
    return session.classify([session.encode(frame, scaler) for frame in frames])["motion"]


def test_what_goes_through_the_picture_is_motion() -> None:
    assert score(*(scene(at) for at in (20, 30, 40, 50))) == 1.0


def test_what_came_in_the_middle_of_a_clip_moves_in_a_part_of_it() -> None:
    assert score(scene(None), scene(None), scene(20), scene(30)) == pytest.approx(2 / 3)


def test_light_and_noise_are_no_motion() -> None:
    assert score(*(scene(None, noise=seed) for seed in range(4))) == 0.0
    assert score(*(scene(None, light=light) for light in (0, 20, 40, 60))) == 0.0


def test_ten_bits_are_as_eight() -> None:
    session, scaler = MotionClassifier().session(), VideoReformatter()
    frame = av.VideoFrame.from_ndarray(scene(20), format="gray")

    deep = session.encode(frame.reformat(format="gray10le"), scaler)

    assert np.abs(deep - session.encode(frame, scaler)).max() <= 1


def walk(calm: int, walking: int, after: int) -> Iterator[NDArray[np.uint8]]:
    """Frames of an empty street, of somebody who walks, and of the street again; BGR."""
    places = [None] * calm + [4 * number % 300 for number in range(walking)] + [None] * after
    for place in places:
        yield np.ascontiguousarray(scene(place)[:, :, None].repeat(3, axis=2))


def told(folder: Path, *frames: int) -> list[EventChange]:
    """What a camera that looks for motion alone tells, with no model installed."""
    path = write_clip(folder / "street.mp4", list(walk(*frames)), STREET)
    found: list[EventChange] = []
    config = AnalysisConfig(KEY, 5.0, frozenset({"motion"}))
    replay(clip(path), config, Loading("CPU").models, found.append)
    return found


def test_a_walk_through_a_still_street_is_one_event(tmp_path: Path) -> None:
    began, ended = told(tmp_path, 5 * FPS, 6 * FPS, 15 * FPS)

    assert (began.kind, ended.kind) == (ChangeKind.BEGAN, ChangeKind.ENDED)
    assert (began.detection.feature, began.model_version) == ("motion", MOTION_VERSION)
    assert began.detection.score >= MOTION.thresholds.begin
    assert began.position is not None
    assert 5 < began.position / TICKS_PER_SECOND < 8
    assert ended.ended_at_us is not None
    assert 3_000_000 < ended.ended_at_us - began.at_us < 8_000_000


def test_a_still_street_is_none(tmp_path: Path) -> None:
    assert told(tmp_path, 10 * FPS, 0, 0) == []
