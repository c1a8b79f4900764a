"""The session description (RFC 4566) that DESCRIBE answers with."""

from __future__ import annotations

from base64 import b64encode

from media.simulator.clip import Clip, SimulatorError, Track
from media.simulator.parameter_sets import ParameterSets, hevc_nal_type

_STATIC_PAYLOAD_TYPES = {"pcm_mulaw": 0, "pcm_alaw": 8}
_FIRST_DYNAMIC_PAYLOAD_TYPE = 96
_ENCODINGS = {
    "h264": "H264",
    "hevc": "H265",
    "aac": "MPEG4-GENERIC",
    "opus": "opus",
    "pcm_alaw": "PCMA",
    "pcm_mulaw": "PCMU",
}
_HEVC_NAMES = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}


def payload_type(number: int, track: Track) -> int:
    """The RTP payload type (RFC 3551) of a clip's track, by its number in the clip."""
    return _STATIC_PAYLOAD_TYPES.get(track.codec, _FIRST_DYNAMIC_PAYLOAD_TYPE + number)


def session_description(clip: Clip) -> str:
    """Each track's control address is `trackID=<number>`, relative to the content base."""
    lines = [
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=simulated camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
    ]
    for number, track in enumerate(clip.tracks):
        lines += _media_lines(number, track)
    return "\r\n".join(lines) + "\r\n"


def _media_lines(number: int, track: Track) -> list[str]:
    payload = payload_type(number, track)
    kind = "video" if track.is_video else "audio"
    lines = [f"m={kind} 0 RTP/AVP {payload}", f"a=rtpmap:{payload} {_encoding(track)}"]
    parameters = _format_parameters(track)
    if parameters:
        lines.append(f"a=fmtp:{payload} {parameters}")
    return [*lines, f"a=control:trackID={number}"]


def _encoding(track: Track) -> str:
    name = _ENCODINGS.get(track.codec)
    if name is None:
        raise SimulatorError(f"no RTP payload format for {track.codec}")
    if track.is_video:
        return f"{name}/{track.clock_hz}"
    channels = 2 if track.codec == "opus" else track.channels  # opus: RFC 7587, 4.1
    return f"{name}/{track.clock_hz}/{channels}"


def _format_parameters(track: Track) -> str | None:
    if track.parameter_sets is not None:
        video = _h264_parameters if track.codec == "h264" else _hevc_parameters
        return video(track.parameter_sets)
    if track.codec == "aac":  # RFC 3640, 3.3.6
        return (
            "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
            f"config={track.extradata.hex().upper()}"
        )
    if track.codec == "opus" and track.channels > 1:
        return "sprop-stereo=1"
    return None


def _h264_parameters(sets: ParameterSets) -> str:
    """RFC 6184, 8.1: bytes 1 to 3 of the SPS are profile, constraints and level."""
    coded = ",".join(b64encode(nal).decode() for nal in sets.nals)
    level = sets.nals[0][1:4].hex().upper()
    return f"packetization-mode=1;profile-level-id={level};sprop-parameter-sets={coded}"


def _hevc_parameters(sets: ParameterSets) -> str:
    """RFC 7798, 7.1."""
    coded: dict[str, list[str]] = {}
    for nal in sets.nals:
        name = _HEVC_NAMES.get(hevc_nal_type(nal))
        if name is not None:
            coded.setdefault(name, []).append(b64encode(nal).decode())
    return ";".join(f"{name}={','.join(values)}" for name, values in coded.items())
