"""Why a camera's stream can't be had, in our words: FFmpeg's own contain the address."""

from __future__ import annotations

import errno

import av.error

from media.types import MediaError


class SourceError(MediaError):
    """Why there are no (more) packets; its text names neither address nor credentials.

    SourceError
    ├── SourceUnreachable    nobody answers there
    ├── SourceStalled        answered once, sends nothing now
    ├── SourceEnded          said goodbye or hung up
    ├── SourceUnauthorized   user name or password refused
    ├── SourceNotFound       no such stream on that camera
    ├── SourceRefused        answers, and turns us down
    ├── SourceRedirected     points elsewhere
    ├── SourceUnsupported    sends what can't be recorded
    └── SourceGarbage        sends what nobody can read
    """


class SourceUnreachable(SourceError): ...


class SourceStalled(SourceError): ...


class SourceEnded(SourceError): ...


class SourceUnauthorized(SourceError): ...


class SourceNotFound(SourceError): ...


class SourceRefused(SourceError): ...


class SourceRedirected(SourceError): ...


class SourceUnsupported(SourceError): ...


class SourceGarbage(SourceError): ...


_OPEN_FAULTS: tuple[tuple[tuple[type[Exception], ...], type[SourceError], str], ...] = (
    (
        (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError),
        SourceUnauthorized,
        "the camera refuses the user name or password",
    ),
    (
        (av.error.HTTPNotFoundError,),
        SourceNotFound,
        "the camera has no stream at this path",
    ),
    (
        (av.error.HTTPClientError, av.error.HTTPError),
        SourceRefused,
        "the camera refuses to send the stream",
    ),
    (
        (av.error.ConnectionRefusedError,),
        SourceUnreachable,
        "the camera refuses the connection: nothing listens there",
    ),
    (
        (av.error.ExitError, av.error.TimeoutError),
        SourceUnreachable,
        "no answer from the camera in time",
    ),
    (
        (av.error.InvalidDataError,),
        SourceGarbage,
        "the camera's answer is not understood",
    ),
)


def open_fault(fault: Exception) -> SourceError:
    """The error in our words: FFmpeg's own text has the address, credentials included."""
    if getattr(fault, "errno", None) == errno.EPROTONOSUPPORT:
        return SourceUnsupported(
            "the camera does not send in the way that is set (VMS_RTSP_TRANSPORT: tcp or udp)"
        )
    for kinds, error, words in _OPEN_FAULTS:
        if isinstance(fault, kinds):
            return error(words)
    return SourceUnreachable(f"the camera can't be reached: {_system_words(fault)}")


def read_fault(fault: av.error.FFmpegError) -> SourceError:
    match fault:
        case av.error.ExitError() | av.error.TimeoutError():
            return SourceStalled("the camera stopped sending")
        case av.error.InvalidDataError():
            return SourceGarbage("what the camera sends can't be read")
        case _:
            return SourceEnded(f"the connection to the camera broke: {_system_words(fault)}")


def _system_words(fault: Exception) -> str:
    code = getattr(fault, "errno", None)
    known = isinstance(code, int) and code in errno.errorcode
    return str(getattr(fault, "strerror", "")).lower() if known else "an unknown network error"
