"""Notes when somebody switches a camera, or its recording, off and on: a gap then says so."""

from __future__ import annotations

from uuid import uuid4

from models.camera import Camera
from models.recording import RecordingRunTable

OFF = "the camera was switched off"
NOT_RECORDED = "recording was switched off"
ON = "no picture has come since it was switched on"


async def note_switch(before: Camera, after: Camera) -> None:
    """An empty run, whose end says why there is nothing from then on; in the caller's transaction.

    A recorder can't say so of a camera that is away: it records nothing that could end.
    """
    if _reason(before) != _reason(after):
        await RecordingRunTable.create(
            run_id=uuid4(),
            tenant_id=after.tenant_id,
            camera_key=after.key,
            started_us=after.updated_us,
            recorded_until_us=after.updated_us,
            ended_us=after.updated_us,
            end_reason=_reason(after),
        )


def _reason(camera: Camera) -> str:
    if not camera.enabled:
        return OFF
    return ON if camera.record else NOT_RECORDED
