"""Cameras that are not real but speak real RTSP and RTP: for the demo, tests and benchmarks.

A `Simulator` listens on one port. Each `Mount` is a camera: it plays a clip in a loop, in real
time, from a thread that runs while somebody watches, and can be made to fail on command.
"""

from media.simulator.auth import AuthScheme, Credentials
from media.simulator.clip import Clip, SimulatorError, read_clip
from media.simulator.faults import Garbage, Refusal
from media.simulator.mount import Mount
from media.simulator.options import MountOptions, SimulatorOptions
from media.simulator.server import Simulator, SimulatorThread

__all__ = [
    "AuthScheme",
    "Clip",
    "Credentials",
    "Garbage",
    "Mount",
    "MountOptions",
    "Refusal",
    "Simulator",
    "SimulatorError",
    "SimulatorOptions",
    "SimulatorThread",
    "read_clip",
]
