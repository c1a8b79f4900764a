"""Sends signed messages to receivers of webhooks, and nowhere else than tenants may point us.

Every message has a connection of its own, to an address that was looked up and checked just then:
one that is kept would be shared between hosts of one address, and outlive what its name stands for.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import re
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from media.clock import Clock
from media.network import AddressRefused, HostUnknown, WebhookNetworks
from media.types import MediaError
from resolvers.webhook_sending import Attempt, Destination, Message, Outcome

SEND_SECONDS = 15.0
"""For all of one try, as Standard Webhooks has it."""
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)
MOST_ADDRESSES = 3
"""So many of a host's are tried."""
MOST_WAITED_SECONDS = 3600.0
"""A receiver can ask to be left alone for so long at most."""
LOOKING_UP = 16
"""Names that are looked up at once; each takes 5 s at most."""
USER_AGENT = "vms-webhooks/1"

NOT_ALLOWED = "its host is at an address that webhooks may not be sent to"


@dataclass(slots=True)
class HttpSender:
    """`resolvers.webhook_sending.WebhookSender` over HTTP.

    `trust` says which certificates are good; None for those that the system trusts.
    """

    networks: WebhookNetworks
    clock: Clock
    allow_http: bool = False
    trust: ssl.SSLContext | None = None
    send_seconds: float = SEND_SECONDS
    _client: httpx.AsyncClient | None = None
    _looking_up: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(LOOKING_UP, "webhook-host")
    )

    async def close(self) -> None:
        self._looking_up.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            await self._client.aclose()

    def fault(self, url: str) -> str | None:
        parsed = _parsed(url)
        is_whole = parsed is not None and _HOST.fullmatch(parsed.raw_host)
        if parsed is None or not is_whole or not 0 < (parsed.port or 1) < 65536:
            return "want an address like https://example.com/hook"
        if parsed.scheme != "https" and not (self.allow_http and parsed.scheme == "http"):
            return "want https, or http where VMS_WEBHOOK_HTTP allows it"
        if parsed.userinfo or parsed.fragment:
            return "want no user, password or fragment"
        is_bad = _is_address(parsed.host) and not self.networks.allows(parsed.host)
        return "want a host that webhooks may be sent to: VMS_WEBHOOK_NETWORKS" if is_bad else None

    async def send(self, to: Destination, message: Message) -> Attempt:
        try:
            async with asyncio.timeout(self.send_seconds):
                return await self._sent(to, message)
        except TimeoutError:
            return Attempt(Outcome.TIMED_OUT, f"no answer within {self.send_seconds:g} s")

    async def _sent(self, to: Destination, message: Message) -> Attempt:
        url = _parsed(to.url)
        if url is None or self.fault(to.url):  # the settings have changed since
            return Attempt(Outcome.FORBIDDEN, NOT_ALLOWED)
        try:
            addresses = await self._addresses(url)
        except MediaError as error:
            return _failure(error)
        headers = _headers(to.secrets, message, self.clock.now_us() // 1_000_000)
        headers["Host"] = url.netloc.decode("ascii")
        failed: httpx.HTTPError | None = None
        for address in addresses[:MOST_ADDRESSES]:
            try:
                return await self._answered(self._request(url, address, headers, message))
            except httpx.HTTPError as error:
                failed = error
                if not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    break
        return _failure(failed)

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """Those of its host now, one at least. Raises AddressRefused, HostUnknown."""
        loop, port = asyncio.get_running_loop(), url.port or _PORTS[url.scheme]
        look_up = self.networks.addresses
        return await loop.run_in_executor(self._looking_up, look_up, url.host, port)

    def _request(
        self, url: httpx.URL, address: str, headers: dict[str, str], message: Message
    ) -> httpx.Request:
        """To the very address; the certificate must be the host's all the same."""
        return self._opened().build_request(
            "POST",
            url.copy_with(host=address),
            headers=headers,
            content=message.body,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )

    async def _answered(self, request: httpx.Request) -> Attempt:
        """What the status says; nobody reads the rest. Raises httpx.HTTPError."""
        answer = await self._opened().send(request, stream=True, follow_redirects=False)
        await answer.aclose()
        status = answer.status_code
        if answer.is_success:
            return Attempt(Outcome.DELIVERED, f"it answered {status}")
        if status == httpx.codes.GONE:
            return Attempt(Outcome.GONE, f"it answered {status}: it wants no more")
        more = "; redirects are not followed" if answer.has_redirect_location else ""
        wait_seconds = self._asked_to_wait(answer) if status in _BUSY else 0.0
        return Attempt(Outcome.REFUSED, f"it answered {status}{more}", wait_seconds)

    def _asked_to_wait(self, answer: httpx.Response) -> float:
        """Source: RFC 9110, 10.2.3: seconds, or a date. What is neither asks for nothing."""
        wanted = answer.headers.get("Retry-After", "")
        if _SECONDS.fullmatch(wanted):
            seconds = float(wanted)
        else:
            try:
                until = parsedate_to_datetime(wanted)
            except (ValueError, OverflowError):
                return 0.0
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
            seconds = until.timestamp() - self.clock.now_us() / 1_000_000
        return min(MOST_WAITED_SECONDS, max(0.0, seconds))

    def _opened(self) -> httpx.AsyncClient:
        """Made with the first message: TLS takes its time to load."""
        if self._client is None:
            trust = self.trust or ssl.create_default_context()
            self._client = httpx.AsyncClient(
                verify=trust, timeout=TIMEOUT, limits=LIMITS, trust_env=False
            )
        return self._client


_HOST = re.compile(rb"[0-9A-Za-z_-][0-9A-Za-z._-]{0,252}|[0-9A-Fa-f.:]{2,45}")
"""A name or an address: what else a URL may hold, TLS chokes on."""
_BUSY = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
_SECONDS = re.compile(r"[0-9]{1,9}")
_PORTS = {"http": 80, "https": 443}


def _parsed(url: str) -> httpx.URL | None:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _headers(secrets: Sequence[str], message: Message, now: int) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        "webhook-id": message.id,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(_signature(each, message, now) for each in secrets),
    }


def _signature(secret: str, message: Message, now: int) -> str:
    """Source: Standard Webhooks, "Signature scheme": id.timestamp.body, HMAC-SHA256, base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((message.id.encode(), str(now).encode(), message.body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


_FAILURES: Sequence[tuple[type[BaseException], Outcome, str]] = (
    (AddressRefused, Outcome.FORBIDDEN, NOT_ALLOWED),
    (HostUnknown, Outcome.UNREACHABLE, "its host is not known now"),
    (ssl.SSLCertVerificationError, Outcome.UNTRUSTED, "its certificate is not to be trusted"),
    (ssl.SSLError, Outcome.UNTRUSTED, "it does not speak TLS as it should"),
    (httpx.TimeoutException, Outcome.TIMED_OUT, "it did not answer in time"),
    (httpx.ConnectError, Outcome.UNREACHABLE, "it can't be connected to"),
)
"""The first that fits, of an error or of what caused it."""


def _failure(error: BaseException | None) -> Attempt:
    causes = []
    while error is not None:
        causes.append(error)
        error = error.__cause__ or error.__context__
    for kind, outcome, text in _FAILURES:
        if any(isinstance(each, kind) for each in causes):
            return Attempt(outcome, text)
    return Attempt(Outcome.UNREACHABLE, "the connection broke")
