"""A real nginx, for tests and benchmarks, where one is installed (Debian's nginx-light)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NGINX = shutil.which("nginx")

_CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/error.log warn; {user}
events {{ worker_connections 64; }}
http {{
  sendfile on; tcp_nopush on; keepalive_requests 1000000;
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; {locations} }}
}}
"""


def before_api(api_port: int, recordings: Path) -> str:
    """Locations of a server that stands before an API whose VMS_SENDFILE_PREFIX is `/footage`."""
    return f"""
    location / {{ proxy_pass http://127.0.0.1:{api_port}; }}
    location /footage/ {{ internal; alias {recordings}/; disable_symlinks on; }}
"""


def all_of(folder: Path) -> str:
    """Locations of a server that gives each file of a folder to whoever asks."""
    return f"location / {{ root {folder}; }}"


@dataclass(frozen=True, slots=True)
class Nginx:
    pid: int
    port: int


@contextmanager
def nginx(folder: Path, locations: str) -> Iterator[Nginx]:
    """One that serves these locations, its own files in `folder`; ended with the context."""
    assert NGINX is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = folder / "nginx.conf"
    user = f"user {Path.home().owner()};"
    path.write_text(_CONFIGURATION.format(folder=folder, user=user, port=port, locations=locations))
    process = subprocess.Popen([NGINX, "-c", str(path), "-e", str(folder / "error.log")])
    try:
        _wait_for(port)
        yield Nginx(process.pid, port)
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")
