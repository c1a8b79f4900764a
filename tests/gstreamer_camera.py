"""A camera made of GStreamer's RTSP server, which plays a clip once: run by the system's Python.

Arguments are a port of 127.0.0.1, the clip, and `h264` or `h265`. The camera is `/camera`; it wants
digest credentials. Debian's `gir1.2-gst-rtsp-server-1.0` and `gstreamer1.0-plugins-good` and `-bad`
have what it needs.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

USER, PASSWORD = "viewer", "s3cret-word"


def main(port: str, clip: str, codec: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.set_auth(_auth())
    factory = GstRtspServer.RTSPMediaFactory.new()
    pay = f"{codec}parse ! rtp{codec}pay name=pay0 pt=96 config-interval=-1"
    factory.set_launch(f'( filesrc location="{clip}" ! qtdemux ! {pay} )')
    factory.set_shared(True)
    _admit(factory)
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)
    GLib.MainLoop().run()


def _auth() -> GstRtspServer.RTSPAuth:
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(USER, PASSWORD, _viewer())
    return auth


def _viewer() -> GstRtspServer.RTSPToken:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    return token


def _admit(factory: GstRtspServer.RTSPMediaFactory) -> None:
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role("viewer")
    for name in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", name, True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    main(*sys.argv[1:])
