"""What comparisons found is told in pages, of many at once in a fixed number of statements."""

from __future__ import annotations

import pytest

from models.comparison import Comparison
from resolvers.access import Scope
from resolvers.context import World
from resolvers.differences import (
    DifferencePage,
    DifferencesOf,
    difference_cursor,
    differences_of_each,
    frame_of,
)
from resolvers.errors import BadCursor, ScopeMissing
from resolvers.outcomes import value_of
from tests.comparing import asked, at, ready, taken, watched
from tests.exporting import LATER
from tests.statements import counted
from tests.world import context


@pytest.fixture
async def here(world: World) -> World:
    await watched(world)
    return at(world)


async def page(
    world: World,
    of: Comparison,
    first: int = 10,
    after: str | None = None,
    kinds: tuple[str, ...] | None = None,
) -> DifferencePage:
    wanted = DifferencesOf(of, kinds, first, after)
    return value_of((await differences_of_each(context(world), [wanted]))[0])


def numbers(found: DifferencePage) -> list[int]:
    return [each.number for each in found.differences]


async def test_pages_follow_one_another_by_time(here: World) -> None:
    found = await ready(here)
    first = await page(here, found, 3)
    second = await page(here, found, 3, difference_cursor(first.differences[-1]))
    assert (numbers(first), first.has_next) == ([0, 1, 2], True)
    assert (numbers(second), second.has_next) == ([3], False)


async def test_kinds_are_told_apart(here: World) -> None:
    found = await ready(here)
    assert numbers(await page(here, found, kinds=("new",))) == [2, 3]
    assert numbers(await page(here, found, kinds=("lost", "changed"))) == [0, 1]
    assert numbers(await page(here, found, kinds=())) == []


async def test_of_one_that_is_not_ready_there_are_none(here: World) -> None:
    await asked(context(here))
    assert numbers(await page(here, await taken(here))) == []


async def test_many_are_asked_in_one_statement(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    made = [await ready(at(here, LATER + number)) for number in range(4)]
    for count in (1, 4):
        wanted = [DifferencesOf(each, None, 2, None) for each in made[:count]]
        async with counted(caplog) as statements:
            found = await differences_of_each(context(here), wanted)
        assert len(statements) == 1
        assert [numbers(value_of(each)) for each in found] == [[0, 1]] * count


async def test_a_cursor_is_of_its_own_comparison(here: World) -> None:
    one, other = await ready(here), await ready(at(here, LATER + 1))
    cursor = difference_cursor((await page(here, one)).differences[0])
    asked_for = [DifferencesOf(each, None, 2, cursor) for each in (one, other)]
    good, bad = await differences_of_each(context(here), asked_for)
    assert numbers(value_of(good)) == [1, 2]
    assert isinstance(bad, BadCursor)
    with pytest.raises(BadCursor):
        await page(here, one, after="x")


async def test_it_needs_its_scope(here: World) -> None:
    found = await ready(here)
    ctx = context(here, "default", Scope.CAMERAS_READ, Scope.PLAYBACK_READ)
    with pytest.raises(ScopeMissing):
        await differences_of_each(ctx, [DifferencesOf(found, None, 2, None)])


async def test_the_frame_of_a_side_is_asked_for_like_an_events(here: World) -> None:
    found = await ready(here)
    [new, _] = (await page(here, found, kinds=("new",))).differences
    assert new.after is not None
    frame = frame_of(found, new.after)
    assert (frame.id, frame.camera_slug, frame.camera_key) == ("4", "cam-gate", found.camera_key)
    assert (frame.at_us, frame.position) == (new.after["at_us"], 360_000)
