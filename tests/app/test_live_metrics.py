from __future__ import annotations

import asyncio
from pathlib import Path

from app import metrics
from tests.app.test_metrics import counted
from tests.scenarios.test_live import filmed
from tests.watching import offered, watcher


def numbers() -> tuple[float, float, float]:
    """Who watches now, live views begun, pictures made."""
    metrics.take_readings()
    names = ("vms_live_viewers", "vms_live_sessions_total", "vms_live_pictures_total")
    return counted(names[0]), counted(names[1]), counted(names[2])


async def test_viewers_come_and_go_and_what_was_begun_and_made_is_counted_once(
    tmp_path: Path,
) -> None:
    async with filmed(tmp_path) as scene, watcher() as first, watcher() as second:
        client = scene.system.client
        _, begun, made = numbers()
        for viewer in (first, second):
            assert (await offered(client, "cam-a", viewer)).status_code == 201
        assert (await client.get("/v2/live/cam-a/snapshot.jpg")).status_code == 200
        await first.seen(1)
        assert numbers() == numbers() == (2, begun + 2, made + 1)
        assert (await client.delete(first.place)).status_code == 200
        async with asyncio.timeout(10):
            while numbers() != (1, begun + 2, made + 1):
                await asyncio.sleep(0.05)
