"""An installation with a tiny model and a camera of which a few seconds are recorded."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner, Result

from app.cli import app
from app.cli_models import models_app
from app.installation import open_installation
from app.settings import Settings
from app.world import build_world
from media.pipeline import CameraConfig, CameraPipeline
from media.simulator import SimulatorThread
from media.store import CameraFolder, Hour
from models.base import select
from models.camera import Camera
from models.event import Event, EventTable
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from tests.app.described import describe, tiny_files
from tests.clips import Encoding, frame_coded
from tests.embedded import lay_database
from tests.media.recorded import Told, world
from tests.world import context

SEGMENTS = 12


@dataclass(frozen=True)
class Recorded:
    """What is recorded: `since` and `until` tell all of it."""

    settings: Settings
    camera: Camera
    folder: Path
    since: str
    until: str

    @property
    def whole(self) -> list[str]:
        return [self.camera.slug, "--from", self.since, "--to", self.until]

    def copied(self, settings: Settings) -> Recorded:
        """The same in another data directory."""
        shutil.copytree(self.settings.data_dir, settings.data_dir, dirs_exist_ok=True)
        folder = settings.data_dir / self.folder.relative_to(self.settings.data_dir)
        return replace(self, settings=settings, folder=folder)

    def events(self) -> list[Event]:
        async def read() -> list[Event]:
            async with open_installation(self.settings, build_world(self.settings)):
                return await select(EventTable.within("default"), Event)

        return asyncio.run(read())


def vms(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def add_model(settings: Settings, folder: Path, score: float = 0.7, name: str = "tiny") -> None:
    """One that sees a person standing in the middle, whatever it is shown."""
    folder.mkdir()
    files = tiny_files(folder, [[0, 1, score, 0.4, 0.4, 0.6, 0.8]])
    text = describe(files).replace('name = "tiny"', f'name = "{name}"')
    (folder / "tiny.toml").write_text(text)
    added = CliRunner().invoke(models_app, ["add", str(folder / "tiny.toml")], obj=settings)
    assert added.exit_code == 0, added.output


def installation(settings: Settings) -> Recorded:
    """On SQLite, with 5 s of a camera that looks for persons."""
    lay_database(settings.data_dir)
    add_model(settings, settings.data_dir / "made")
    camera = asyncio.run(_camera(settings))
    store = build_world(settings).store
    folder = CameraFolder("default", camera.folder)
    _record(settings, camera)
    (date,) = store.dates(folder)[:1]
    hour: Hour = store.hours(folder, date)[0]
    segments = store.playlist(folder, hour).segments
    since, until = iso(segments[0].start_us), iso(segments[-1].end_us)
    return Recorded(settings, camera, store.hour_path(folder, hour), since, until)


async def _camera(settings: Settings) -> Camera:
    a_world = build_world(settings)
    async with open_installation(settings, a_world):
        draft = CameraDraft(
            id="cam-gate",
            name="Gate",
            rtsp_url="rtsp://10.9.8.7/stream",
            features=["person"],
            enabled=False,
        )
        return (await camera_create(context(a_world, "default"), draft)).camera


def _record(settings: Settings, camera: Camera) -> None:
    told = Told()
    media = world(settings.data_dir / "recordings")
    with SimulatorThread() as simulator:
        simulator.add("a", frame_coded(200, Encoding(fps=25, gop=10)))
        config = CameraConfig(camera.key, "default", camera.folder, simulator.url("a"))
        pipeline = CameraPipeline(config, media, told)
        pipeline.start()
        told.wait_for_segments(SEGMENTS)
        pipeline.stop(10)


def iso(at_us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).isoformat()
