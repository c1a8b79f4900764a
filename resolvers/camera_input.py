"""What a client may say about a camera, checked before anything is written."""

from __future__ import annotations

import asyncio
import math
import re
import unicodedata
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from media.network import AddressRefused, CameraNetworks, HostUnknown
from media.rtsp_url import RtspUrlError, parse_rtsp_url
from resolvers.errors import FieldError, InvalidInput

MIN_FPS, MAX_FPS, DEFAULT_FPS = 0.2, 30.0, 5.0
MAX_NAME_CHARACTERS = 200
MAX_FEATURE_NAMES = 64
MAX_ID_CHARACTERS = 63
_MOST = {"retention_days": 36_500, "retention_bytes": 1 << 53}
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_LATIN = str.maketrans({"đ": "d", "Đ": "d", "ø": "o", "Ø": "o", "ß": "ss", "æ": "ae", "ł": "l"})


class CameraDraft(msgspec.Struct, frozen=True):
    """A camera to be: `id` None lets the server choose a readable one.

    Its footage is kept for `retention_days` and up to `retention_bytes`, None leaves that to the
    plan, which bounds it in any case. `detection_url` is where a substream is to be looked at in
    place of the stream that is recorded.
    """

    name: str
    rtsp_url: str
    id: str | None = None
    features: Sequence[str] = ()
    fps: float = DEFAULT_FPS
    enabled: bool = True
    record: bool = True
    retention_days: int | None = None
    retention_bytes: int | None = None
    detection_url: str | None = None


class CameraChanges(msgspec.Struct, frozen=True):
    """A partial update: None leaves a field as it is, but for what has UNSET for that."""

    name: str | None = None
    rtsp_url: str | None = None
    features: Sequence[str] | None = None
    fps: float | None = None
    enabled: bool | None = None
    record: bool | None = None
    retention_days: int | UnsetType | None = UNSET
    retention_bytes: int | UnsetType | None = UNSET
    detection_url: str | UnsetType | None = UNSET


def is_camera_id(text: str) -> bool:
    """Whether a camera can have this id; tables refuse to look for longer ones, or for a NUL."""
    return _SLUG.fullmatch(text) is not None


async def check(
    networks: CameraNetworks, given: CameraDraft | CameraChanges, camera_id: str | None = None
) -> None:
    """Raises InvalidInput that names every field which is wrong.

    A host name that does not resolve is no fault: cameras come up later.
    """
    wrong = _plain_faults(given, camera_id)
    for name in ("rtsp_url", "detection_url"):
        url = getattr(given, name)
        if isinstance(url, str) and (message := await _url_fault(networks, url)):
            wrong.append(FieldError(name, message))
    if wrong:
        raise InvalidInput(*wrong)


def _plain_faults(given: CameraDraft | CameraChanges, camera_id: str | None) -> list[FieldError]:
    wrong = []
    if camera_id is not None and not is_camera_id(camera_id):
        wrong.append(FieldError("id", "want 1-63 of a-z, 0-9 and -, beginning with no dash"))
    if given.name is not None and (message := name_fault(given.name)):
        wrong.append(FieldError("name", message))
    if given.fps is not None and not (math.isfinite(given.fps) and MIN_FPS <= given.fps <= MAX_FPS):
        wrong.append(FieldError("fps", f"want {MIN_FPS} to {MAX_FPS:g} frames per second"))
    if given.features is not None and len(given.features) > MAX_FEATURE_NAMES:
        wrong.append(FieldError("features", f"want at most {MAX_FEATURE_NAMES} names"))
    for name, longest in _MOST.items():
        number = getattr(given, name)
        if isinstance(number, int) and not 1 <= number <= longest:
            wrong.append(FieldError(name, f"want 1 to {longest}, or nothing"))
    return wrong


def name_fault(name: str) -> str | None:
    if not name.strip():
        return "want a name that is not empty"
    if len(name) > MAX_NAME_CHARACTERS:
        return f"want at most {MAX_NAME_CHARACTERS} characters, got {len(name)}"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        return "must not contain control characters"
    return None


async def _url_fault(networks: CameraNetworks, text: str) -> str | None:
    try:
        url = parse_rtsp_url(text)
        await asyncio.to_thread(networks.check, url)
    except (RtspUrlError, AddressRefused) as error:
        return str(error)
    except HostUnknown:
        return None
    return None


def within_plan(features: Sequence[str], plan: Sequence[str]) -> tuple[list[str], list[str]]:
    """The wanted features that the plan includes, in the order given, and those filtered out."""
    wanted = list(dict.fromkeys(features))
    kept = [name for name in wanted if name in plan]
    return kept, [name for name in wanted if name not in plan]


def readable_id(name: str, taken: set[str]) -> str:
    """`cam-lobby` for «Lobby», `cam-lobby-2` where that is taken."""
    plain = unicodedata.normalize("NFKD", name.translate(_LATIN)).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if words.startswith("cam-") or words == "cam":
        words = words[4:]
    base = f"cam-{words}"[:56].strip("-")
    if base not in taken:
        return base
    return next(f"{base}-{n}" for n in range(2, len(taken) + 3) if f"{base}-{n}" not in taken)
