"""What runs in a decoder's process: one task, packets in, what comes of them out."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeAlias

import av
from av.packet import Packet
from av.stream import Stream

from media.codecs import CodecUnknown, sound_decoder
from media.decoding.frames import send_frame
from media.decoding.messages import (
    Channel,
    ChannelClosed,
    Check,
    Done,
    Hear,
    Heard,
    Jpeg,
    Refused,
    Reply,
    Sample,
    Show,
    ShowStill,
    Task,
    Whole,
    questions,
    tasks,
)
from media.picture_check import PictureCheck
from media.sampler import Sampler
from media.snapshot import FirstPicture, SnapshotError, picture_of

Work: TypeAlias = "Callable[[Packet[Stream]], Iterator[Reply]]"
"""What comes of a packet."""


def serve(connection: socket.socket) -> None:
    """Until the other side hangs up."""
    channel = Channel(connection)
    with contextlib.suppress(ChannelClosed, ConnectionError):
        try:
            _serve(channel, tasks.decode(channel.receive()))
        except CodecUnknown as error:
            channel.send(Refused(str(error)))


def _serve(channel: Channel, task: Task) -> None:
    if isinstance(task, Sample):
        _sample(channel, task)
    work = _work(task)
    while True:
        for coded in questions.decode(channel.receive()).packets:
            for reply in work(coded.packet()):
                channel.send(reply)
        channel.send(Done())


def _sample(channel: Channel, task: Sample) -> NoReturn:
    sampler = Sampler(task.setup, task.fps)
    while True:
        asked = questions.decode(channel.receive())
        sampler.slowed = asked.slowed
        for coded in asked.packets:
            for frame in sampler.frames(coded.packet()):
                send_frame(channel, frame, sampler.pixel_aspect)
        channel.send(Done(sampler.errors, sampler.decoded, sampler.left_out))


def _work(task: Check | Show | ShowStill | Hear) -> Work:
    if isinstance(task, Check):
        check = PictureCheck(task.setup)
        return lambda packet: iter([Whole(check.passes(packet))])
    if isinstance(task, Show):
        first = FirstPicture(task.setup)
        return lambda packet: _jpeg(first.take(packet))
    if isinstance(task, ShowStill):
        codec = task.codec
        return lambda packet: _still(codec, packet)
    decoder = sound_decoder(task.setup)
    return lambda packet: _heard(decoder, packet)


def _jpeg(content: bytes | None) -> Iterator[Reply]:
    if content is not None:
        yield Jpeg(content)


def _still(codec: str, keyframe: Packet[Stream]) -> Iterator[Reply]:
    try:
        yield Jpeg(picture_of(codec, bytes(keyframe)))
    except SnapshotError as error:
        yield Refused(str(error))


def _heard(decoder: av.AudioCodecContext, packet: Packet[Stream]) -> Iterator[Reply]:
    try:
        frames = decoder.decode(packet)
    except av.FFmpegError as error:
        yield Refused(type(error).__name__)
        return
    for frame in frames:
        planes = [bytes(plane) for plane in frame.planes]
        yield Heard(frame.format.name, frame.layout.name, frame.rate, frame.samples, planes)
