"""What a camera answers: the methods of RTSP (RFC 2326, 10) and its one session."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from media.simulator.auth import Credentials, challenges, is_authorized
from media.simulator.faults import Faults, Refusal
from media.simulator.messages import Header, Request, Response, Status
from media.simulator.mount import Mount
from media.simulator.options import SimulatorOptions
from media.simulator.session import Link, Session
from media.simulator.transport import (
    Datagrams,
    Interleaved,
    Transport,
    TransportRequest,
    parse_transport,
)

_CONTROL = "/trackID="
_MAX_CHANNEL = 254


class HangUp(Exception):
    """The connection ends without an answer."""


class _Refused(Exception):
    def __init__(self, status: Status, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(status)
        self.response = Response(status, headers)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a request's address names. `track` is None for the mount as a whole."""

    mount: Mount
    track: int | None


class Conversation:
    """One client's side of the talk: at most one session, which ends with it. Loop only."""

    def __init__(self, options: SimulatorOptions, mounts: Mapping[str, Mount], link: Link) -> None:
        self._options = options
        self._mounts = mounts
        self._link = link
        self._nonce = secrets.token_hex(16)
        self._session: Session | None = None
        self._methods: Mapping[str, Callable[[Request, _Target], Response]] = {
            "DESCRIBE": self._describe,
            "SETUP": self._set_up,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "GET_PARAMETER": self._keep_alive,
            "SET_PARAMETER": self._keep_alive,
            "TEARDOWN": self._tear_down,
        }

    def answer(self, request: Request) -> Response | None:
        """The response, or None where the camera keeps silent.

        Raises:
            HangUp: the camera closes the connection instead.
        """
        target = self._target(request.uri)
        faults = target.mount.faults if target is not None else Faults()
        if faults.silent:
            return None
        if faults.refusal is Refusal.CLOSE:
            raise HangUp
        try:
            return self._carried_out(request, target, faults)
        except _Refused as refused:
            return refused.response

    @property
    def needs_signs_of_life(self) -> bool:
        """Whether its session ends unless the client is heard from time to time."""
        return self._session is not None and not self._session.is_interleaved

    def end_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _carried_out(self, request: Request, target: _Target | None, faults: Faults) -> Response:
        if not request.version.startswith("RTSP/1."):
            raise _Refused(Status.VERSION_NOT_SUPPORTED)
        if "cseq" not in request.headers:
            raise _Refused(Status.BAD_REQUEST)
        if faults.refusal is Refusal.UNAVAILABLE:
            raise _Refused(Status.UNAVAILABLE)
        if request.method == "OPTIONS":
            return Response(Status.OK, (Header("Public", ", ".join(["OPTIONS", *self._methods])),))
        method = self._methods.get(request.method)
        if method is None:
            raise _Refused(Status.NOT_IMPLEMENTED)
        self._authorize(request, faults)
        if target is None:
            raise _Refused(Status.NOT_FOUND)
        if "require" in request.headers:
            unsupported = Header("Unsupported", request.headers["require"])
            raise _Refused(Status.OPTION_NOT_SUPPORTED, (unsupported,))
        return method(request, target)

    def _authorize(self, request: Request, faults: Faults) -> None:
        credentials = self._options.credentials
        if credentials is None and faults.unauthorized:
            credentials = Credentials("nobody", secrets.token_hex(16))
        if credentials is None:
            return
        known = is_authorized(request, credentials, self._nonce)
        if faults.unauthorized or not known:
            raise _Refused(Status.UNAUTHORIZED, challenges(credentials, self._nonce))

    def _target(self, uri: str) -> _Target | None:
        """A mount's path may hold a query, as `cam/realmonitor?channel=1` does."""
        parts = urlsplit(uri)
        whole = parts.path + (f"?{parts.query}" if parts.query else "")
        path, control, number = whole.partition(_CONTROL)
        mount = self._mounts.get(path.strip("/")) or self._mounts.get(parts.path.strip("/"))
        if mount is None:
            return None
        if not control:
            return _Target(mount, None)
        if not number.isdecimal() or int(number) >= len(mount.clip.tracks):
            return None
        return _Target(mount, int(number))

    def _describe(self, request: Request, target: _Target) -> Response:
        headers = (
            Header("Content-Base", request.uri.rstrip("/") + "/"),
            Header("Content-Type", "application/sdp"),
        )
        return Response(Status.OK, headers, target.mount.description())

    def _set_up(self, request: Request, target: _Target) -> Response:
        if self._session is not None:
            self._own_session(request, target)
            if self._session.is_playing:
                raise _Refused(Status.METHOD_NOT_VALID)
        track = target.track
        if track is None:
            if len(target.mount.clip.tracks) > 1:
                raise _Refused(Status.AGGREGATE_NOT_ALLOWED)
            track = 0
        transport = self._transport(request.headers.get("transport", ""), track)
        if self._session is None:
            self._session = Session(target.mount, self._link)
        self._session.set_up(track, transport)
        timeout = f";timeout={max(1, round(self._options.session_timeout_seconds))}"
        headers = (
            Header("Transport", transport.header()),
            Header("Session", self._session.session_id + timeout),
        )
        return Response(Status.OK, headers)

    def _transport(self, header: str, track: int) -> Transport:
        for wanted in parse_transport(header):
            if wanted.is_tcp:
                return self._interleaved(wanted, track)
            if not self._options.tcp_only:
                local, peer = self._link.local, self._link.peer
                return Datagrams(local, peer, wanted.client_port, self._link.heard)
        raise _Refused(Status.UNSUPPORTED_TRANSPORT)

    def _interleaved(self, wanted: TransportRequest, track: int) -> Interleaved:
        channel = 2 * track if wanted.channel is None else wanted.channel
        if channel > _MAX_CHANNEL:
            raise _Refused(Status.UNSUPPORTED_TRANSPORT)
        return Interleaved(channel, self._link.frames)

    def _play(self, request: Request, target: _Target) -> Response:
        session = self._own_session(request, target)
        session.play()
        return Response(Status.OK, (_session_header(session), Header("Range", "npt=now-")))

    def _pause(self, request: Request, target: _Target) -> Response:
        session = self._own_session(request, target)
        session.pause()
        return Response(Status.OK, (_session_header(session),))

    def _keep_alive(self, request: Request, target: _Target) -> Response:
        if self._session is None and "session" not in request.headers:
            return Response(Status.OK)
        return Response(Status.OK, (_session_header(self._own_session(request, target)),))

    def _tear_down(self, request: Request, target: _Target) -> Response:
        session = self._own_session(request, target)
        self.end_session()
        return Response(Status.OK, (_session_header(session),))

    def _own_session(self, request: Request, target: _Target) -> Session:
        """The session that the request names; it must be of the same mount."""
        named = request.headers.get("session", "").partition(";")[0].strip()
        session = self._session
        if session is None:
            raise _Refused(Status.SESSION_NOT_FOUND if named else Status.METHOD_NOT_VALID)
        if named != session.session_id or session.mount is not target.mount:
            raise _Refused(Status.SESSION_NOT_FOUND)
        return session


def _session_header(session: Session) -> Header:
    return Header("Session", session.session_id)
