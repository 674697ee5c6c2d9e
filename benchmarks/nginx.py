"""Whom downloads are compared with: nginx, from the system or from its Debian package, which needs no installation."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from client.listening import listen

_CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""
_START_SECONDS = 10


class NoNginx(Exception):
    """There is no nginx here, and apt-get brings none."""

    def __init__(self) -> None:
        super().__init__("nginx is not installed, and `apt-get download nginx` brings none")


@contextmanager
def nginx(root: Path, folder: Path) -> Iterator[str]:
    """Serve the files below `root`; gives the URL, and keeps everything of its own in `folder`."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(_CONFIGURATION.format(folder=folder, port=port, root=root))
    process = subprocess.Popen([_program(folder), "-p", str(folder), "-c", str(folder / "nginx.conf")])
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        process.kill()
        process.wait()


def _program(folder: Path) -> str:
    if found := shutil.which("nginx"):
        return found
    for command in ("apt-get download nginx", "dpkg -x nginx_*.deb ."):
        subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=False, capture_output=True)
    program = folder / "usr" / "sbin" / "nginx"
    if not program.is_file():
        raise NoNginx
    return str(program)


def _wait_for(url: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx2.get(url)
        except httpx2.TransportError:
            if time.monotonic() > until:
                raise
        else:
            return
