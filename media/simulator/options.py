"""How a simulator and its cameras are set up."""

from __future__ import annotations

from dataclasses import dataclass, field

from media.clock import Clock, SystemClock
from media.simulator.auth import Credentials


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What holds for all cameras of a simulator. Port 0 takes a free one.

    `tcp_only` refuses UDP with 461. A UDP client that gives no sign of life (a request or an RTCP
    packet) for `session_timeout_seconds` is sent nothing any more; over TCP the connection itself
    is the sign, and a client that leaves more than `max_buffer_bytes` unread is cut off.
    """

    host: str = "127.0.0.1"
    port: int = 0
    credentials: Credentials | None = None
    tcp_only: bool = False
    session_timeout_seconds: float = 60.0
    max_buffer_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class MountOptions:
    """How a mount plays.

    `speed` is how much faster than real time; timestamps keep the clip's own rate and sender
    reports follow them, so 1.001 is a camera whose crystal is 0.1 % fast. `start_at_keyframe`: a
    client's first packet begins a GOP, where False starts in the middle as some cameras do.
    `repeat_parameter_sets` puts them before each keyframe. With `burst_seconds` packets are held
    and sent together at that interval. `clock_offset_us` is how wrong the wall clock in sender
    reports is; without `sends_reports` there are none. `lag_seconds` is how much later than it was
    filmed a picture is sent. RTP timestamps begin at `first_timestamp` (None: at random); just
    below 2^32 they soon wrap. The player stops when nobody has watched for `linger_seconds`, and
    begins the clip anew for the next client; with `filming_since_us`, on the monotonic clock, the
    clip began then and goes on unwatched, so that mounts with the same value show the same moment.
    `seed` makes loss and garbage repeatable.
    """

    speed: float = 1.0
    start_at_keyframe: bool = True
    repeat_parameter_sets: bool = True
    burst_seconds: float = 0.0
    clock_offset_us: int = 0
    sends_reports: bool = True
    lag_seconds: float = 0.0
    first_timestamp: int | None = None
    linger_seconds: float = 2.0
    filming_since_us: int | None = None
    seed: int = 0
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        if self.speed <= 0 or self.burst_seconds < 0 or self.lag_seconds < 0:
            raise ValueError("speed must be above 0, burst_seconds and lag_seconds not below")
