"""An HTTP client that is made with its first call."""

from __future__ import annotations

import httpx


class KeptHttp:
    """Connections to other processes of this installation, kept between calls.

    Most processes make no call, and TLS takes its time to load. Idle connections should expire in
    `limits` before the server closes them (5 s): then no call meets a closing one.
    """

    def __init__(self, timeout: httpx.Timeout, limits: httpx.Limits) -> None:
        self._timeout, self._limits = timeout, limits
        self._opened: httpx.AsyncClient | None = None

    @property
    def client(self) -> httpx.AsyncClient:
        if self._opened is None:
            self._opened = httpx.AsyncClient(
                timeout=self._timeout, limits=self._limits, trust_env=False
            )
        return self._opened

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()
