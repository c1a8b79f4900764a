"""Footage on which models are compared, and comparisons on it, for tests of all rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.model_store import ModelStore
from media.appearances import Appearance, Pair
from media.appearances import Comparison as Found
from media.playlist import Segment
from media.types import Box, ModelStatus
from models.base import select
from models.camera import Camera
from models.comparison import Comparison, Difference, DifferenceTable
from resolvers import comparison_jobs, comparisons
from resolvers.access import Interval
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from resolvers.comparisons import ComparisonWish
from resolvers.context import Context, World
from resolvers.footage import folder_of
from tests.app.described import describe, tiny_files
from tests.exporting import LATER, NOON, SECOND
from tests.footage import summarise
from tests.reel import Shot, encoding, lay, reel
from tests.world import StandingClock, context

SECONDS = 10
WHOLE = Interval(NOON, NOON + SECONDS * SECOND)
"""What `filmed` lays down."""

BOX = Box(0.4, 0.4, 0.6, 0.8)
"""Where the tiny models see a person, whatever they are shown."""


def at(world: World, now_us: int = LATER, models: Sequence[str] = ("tiny", "other")) -> World:
    """Where detectors of these names are installed."""
    here = tuple(ModelStatus(name, "2024-01-02", ("person",), "MIT", True, True) for name in models)
    return replace(world, clock=StandingClock(now_us), models=lambda: here)


async def watched(world: World, slug: str = "cam-gate", tenant_id: str = "default") -> Camera:
    """A camera that looks for persons, with its footage."""
    camera = await camera_here(world, slug, tenant_id)
    await filmed(world, camera)
    return camera


async def camera_here(world: World, slug: str, tenant_id: str = "default") -> Camera:
    draft = CameraDraft(
        id=slug,
        name="Gate",
        rtsp_url="rtsp://10.9.8.7/stream",
        features=["person"],
        enabled=False,
    )
    return (await camera_create(context(world, tenant_id), draft)).camera


async def filmed(world: World, camera: Camera) -> list[Segment]:
    """Ten seconds from NOON on, in files and in the tables."""
    shot = Shot(reel(encoding(), SECONDS * 25), 0, 25, NOON, 0)
    segments = lay(world.store, folder_of(camera), shot)
    await summarise(world, camera, segments, "the camera went away")
    return segments


def install(data_dir: Path, name: str = "tiny", score: float = 0.7) -> None:
    """A model that sees a person in BOX."""
    folder = data_dir / f"made-{name}"
    folder.mkdir(parents=True)
    files = tiny_files(folder, [[0, 1, score, BOX.x0, BOX.y0, BOX.x1, BOX.y1]])
    text = describe(files).replace('name = "tiny"', f'name = "{name}"')
    (folder / "tiny.toml").write_text(text)
    ModelStore(data_dir).add(folder / "tiny.toml")


async def asked(
    ctx: Context,
    camera_id: str = "cam-gate",
    wanted: Interval = WHOLE,
    against: str | None = None,
    begin: float | None = None,
) -> Comparison:
    wish = ComparisonWish(camera_id, wanted, "tiny", against, begin)
    return await comparisons.comparison_create(ctx, wish)


async def taken(world: World, *models: str) -> Comparison:
    job = await comparison_jobs.take(world, models or ("tiny", "other"))
    assert job is not None
    return job


def appearance(name: str, second: int, position: int | None = None) -> Appearance:
    at_us = NOON + second * SECOND
    return Appearance(name, "person", at_us, position, 0.75, BOX, ("gate",), ())


FOUND = Found(
    same=(Pair(appearance("a", 1), appearance("1", 1), 1.0),),
    changed=(Pair(appearance("b", 2), appearance("2", 3), 0.5),),
    lost=(appearance("c", 1),),
    new=(appearance("4", 4, 360_000), appearance("5", 5)),
)
"""Lost at 1 s, changed at 2 s, new at 4 s and 5 s."""


async def ready(
    world: World, tenant_id: str = "default", camera_id: str = "cam-gate"
) -> Comparison:
    """Asked for, taken and ended, with FOUND."""
    ctx = context(world, tenant_id)
    wanted = await asked(ctx, camera_id)
    job = await taken(world)
    assert job.id == wanted.id
    await comparison_jobs.finish(world, job, FOUND, ["tiny@2024-01-02"])
    return await comparisons.comparison(ctx, str(job.id))


async def kept(of: Comparison) -> list[Difference]:
    """All that is kept of it, by time."""
    rows = DifferenceTable.within(of.tenant_id).filter(comparison_id=of.id)
    return await select(rows.order_by("number"), Difference)
