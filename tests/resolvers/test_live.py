from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from media.live.signals import (
    LiveAnswer,
    LiveCamera,
    LiveOffer,
    LivePicture,
    LiveRefusal,
    LiveRefused,
)
from media.types import CameraState, StatusChanged
from models.camera import Camera
from resolvers import ingest
from resolvers.access import Actor, Scope
from resolvers.camera_input import CameraChanges
from resolvers.cameras import camera, camera_update
from resolvers.context import Context, World
from resolvers.errors import (
    CameraNotLive,
    InvalidInput,
    LiveBFrames,
    LiveCodecUnsupported,
    LiveViewersReached,
    NotFound,
    ScopeMissing,
    Unavailable,
    VmsError,
)
from resolvers.live import (
    live_snapshot,
    live_snapshot_url,
    live_start,
    live_stop,
    live_stop_named,
)
from tests.world import add_camera, context

CAMERA = "cam-front-01"


@dataclass(slots=True)
class Workers:
    """Stands for the worker that has the camera, and keeps what it was asked."""

    refuses: LiveRefusal | None = None
    begun: list[tuple[LiveCamera, LiveOffer]] = field(default_factory=list)
    sessions: list[tuple[LiveCamera, UUID]] = field(default_factory=list)
    pictured: list[LiveCamera] = field(default_factory=list)

    async def start(self, camera: LiveCamera, offer: LiveOffer) -> LiveAnswer:
        if self.refuses is not None:
            raise LiveRefused(self.refuses, "in plain words")
        self.begun.append((camera, offer))
        self.sessions.append((camera, uuid4()))
        return LiveAnswer(self.sessions[-1][1], "answer")

    async def stop(self, camera: LiveCamera, session_id: UUID) -> bool:
        known = (camera, session_id) in self.sessions
        if known:
            self.sessions.remove((camera, session_id))
        return known

    async def picture(self, camera: LiveCamera) -> LivePicture:
        if self.refuses is not None:
            raise LiveRefused(self.refuses, "in plain words")
        self.pictured.append(camera)
        return LivePicture(b"jpeg", 17)


async def shown(world: World, workers: Workers | None) -> World:
    """A world with an enabled camera."""
    await add_camera(world)
    await camera_update(context(world), CAMERA, CameraChanges(enabled=True))
    return replace(world, live=workers)


async def test_the_session_is_of_the_callers_camera_and_ends_with_its_token(world: World) -> None:
    workers = Workers()
    live = await shown(world, workers)
    actor = Actor("default", frozenset({Scope.LIVE_READ}), expires_us=17)
    session = await live_start(Context(actor, live), CAMERA, "offer")
    assert (session.answer, session.expires_us) == ("answer", 17)
    [(camera, offer)] = workers.begun
    assert camera.folder.tenant_id == "default"
    assert camera.folder.name.startswith(f"{CAMERA}.")
    assert (offer.sdp, offer.expires_us) == ("offer", 17)
    await live_stop_named(Context(actor, live), session.id)
    assert workers.sessions == []
    with pytest.raises(NotFound):
        await live_stop(Context(actor, live), CAMERA, session.key.hex)


async def test_another_tenant_finds_neither_camera_nor_session(world: World) -> None:
    workers = Workers()
    live = await shown(world, workers)
    session = await live_start(context(live), CAMERA, "offer")
    foreign = context(live, "acme")
    with pytest.raises(NotFound):
        await live_start(foreign, CAMERA, "offer")
    with pytest.raises(NotFound):
        await live_stop_named(foreign, session.id)
    assert (len(workers.begun), len(workers.sessions)) == (1, 1)


async def test_without_the_scope_nobody_is_asked(world: World) -> None:
    workers = Workers()
    live = await shown(world, workers)
    poor = context(live, "default", Scope.CAMERAS_READ, Scope.PLAYBACK_READ)
    for attempt in (
        live_start(poor, CAMERA, "offer"),
        live_stop(poor, CAMERA, "0" * 32),
        live_stop_named(poor, "x"),
    ):
        with pytest.raises(ScopeMissing):
            await attempt
    assert workers.begun == []


@pytest.mark.parametrize(
    "name", ["", ".", "cam-front-01", "cam-front-01.x", "cam-front-01." + "0" * 32]
)
async def test_what_names_no_session_is_not_found(world: World, name: str) -> None:
    live = await shown(world, Workers())
    with pytest.raises(NotFound):
        await live_stop_named(context(live), name)


async def test_a_camera_that_is_off_is_not_asked_for(world: World) -> None:
    workers = Workers()
    live = await shown(world, workers)
    await camera_update(context(live), CAMERA, CameraChanges(enabled=False))
    with pytest.raises(CameraNotLive):
        await live_start(context(live), CAMERA, "offer")
    assert workers.begun == []
    with pytest.raises(Unavailable):
        await live_stop(context(replace(live, live=None)), CAMERA, "0" * 32)


async def test_an_offer_that_is_too_long_goes_nowhere(world: World) -> None:
    workers = Workers()
    live = await shown(world, workers)
    with pytest.raises(InvalidInput, match="offer"):
        await live_start(context(live), CAMERA, "v" * 20_001)
    assert workers.begun == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (LiveRefusal.BAD_OFFER, InvalidInput),
        (LiveRefusal.CAMERA_NOT_LIVE, CameraNotLive),
        (LiveRefusal.VIEWERS_REACHED, LiveViewersReached),
        (LiveRefusal.CODEC_UNSUPPORTED, LiveCodecUnsupported),
        (LiveRefusal.B_FRAMES, LiveBFrames),
    ],
)
async def test_a_workers_refusal_keeps_its_code_and_words(
    world: World, said: LiveRefusal, kind: type[VmsError]
) -> None:
    live = await shown(world, Workers(said))
    with pytest.raises(kind, match="in plain words") as refused:
        await live_start(context(live), CAMERA, "offer")
    assert kind is InvalidInput or refused.value.code == said


async def told(world: World, state: CameraState) -> Camera:
    before = await camera(context(world), CAMERA)
    change = StatusChanged(before.key, state, None, world.clock.now_us(), None)
    await ingest.record(world, "default", {before.key: CAMERA}, [change])
    return await camera(context(world), CAMERA)


async def test_a_picture_now_has_an_address_that_carries_the_right_to_it_and_no_other(
    world: World,
) -> None:
    workers = Workers()
    live = await shown(world, workers)
    seen = await told(live, CameraState.ONLINE)
    actor = Actor("default", frozenset({Scope.LIVE_READ}), expires_us=10**16)
    address = urlsplit(live_snapshot_url(Context(actor, live), seen) or "")
    assert address.path == f"/v2/live/{CAMERA}/snapshot.jpg"
    granted = live.identity.actor_of_grant(parse_qs(address.query)["grant"][0])
    assert granted.scopes == {Scope.LIVE_READ}
    assert granted.cameras == frozenset({CAMERA})
    picture = await live_snapshot(Context(granted, live), CAMERA)
    assert (picture.jpeg, picture.at_us) == (b"jpeg", 17)
    [place] = workers.pictured
    assert (place.key, place.folder.tenant_id) == (seen.key, "default")
    await add_camera(live, "cam-b")
    with pytest.raises(NotFound):
        await live_snapshot(Context(granted, live), "cam-b")
    assert len(workers.pictured) == 1


@pytest.mark.parametrize("state", [each for each in CameraState if each != CameraState.ONLINE])
async def test_a_camera_from_which_nothing_comes_has_no_address_of_a_picture(
    world: World, state: CameraState
) -> None:
    live = await shown(world, Workers())
    assert live_snapshot_url(context(live), await told(live, state)) is None
    off = await camera_update(context(live), CAMERA, CameraChanges(enabled=False))
    assert live_snapshot_url(context(live), off.camera) is None


async def test_a_picture_is_refused_to_others_and_where_there_is_none(world: World) -> None:
    workers = Workers()
    live = await shown(world, workers)
    seen = await told(live, CameraState.ONLINE)
    poor = context(live, "default", Scope.CAMERAS_READ, Scope.PLAYBACK_READ)
    assert live_snapshot_url(poor, seen) is None
    with pytest.raises(ScopeMissing):
        await live_snapshot(poor, CAMERA)
    with pytest.raises(NotFound):
        await live_snapshot(context(live, "acme"), CAMERA)
    with pytest.raises(Unavailable):
        await live_snapshot(context(replace(live, live=None)), CAMERA)
    await camera_update(context(live), CAMERA, CameraChanges(enabled=False))
    with pytest.raises(CameraNotLive, match="switched off"):
        await live_snapshot(context(live), CAMERA)
    assert workers.pictured == []
    await camera_update(context(live), CAMERA, CameraChanges(enabled=True))
    workers.refuses = LiveRefusal.CAMERA_NOT_LIVE
    with pytest.raises(CameraNotLive, match="in plain words"):
        await live_snapshot(context(live), CAMERA)
