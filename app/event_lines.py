"""Steps of events as lines of JSON: the same step is the same bytes."""

from __future__ import annotations

import msgspec

from media.types import Detection, EventChange, View


def event_line(change: EventChange) -> bytes:
    """A line with its end. Snapshots and stages are of live events alone, and left out."""
    told = {
        "change": change.kind.value,
        "id": change.event_id,
        "trace_id": str(change.trace_id),
        "track_id": change.track_id,
        "model_version": change.model_version,
        "at_us": change.at_us,
        "position": change.position,
        **_object(change.detection),
        "zones": change.zones,
        "ended_us": change.ended_at_us,
        "best": _view(change.best),
        "plate": change.plate,
    }
    return msgspec.json.encode(told) + b"\n"


def _view(best: View | None) -> dict[str, object] | None:
    if best is None:
        return None
    return {"at_us": best.at_us, "position": best.position, **_object(best.detection)}


def _object(detection: Detection) -> dict[str, object]:
    box = detection.box
    return {
        "type": detection.feature,
        "label": detection.label,
        "confidence": detection.score,
        "box": [box.x0, box.y0, box.x1, box.y1],
    }
