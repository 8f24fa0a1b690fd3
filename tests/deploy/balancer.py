"""An nginx that runs the project's own nginx.conf on loopback."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.process import ROOT

HOW = "nginx is not here; on Debian: apt-get install nginx-light"
_AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
worker_processes 1;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {conf}
}}
"""


def nginx() -> str:
    """Return nginx's path; without it the test is skipped, or fails in CI."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW)
        pytest.skip(HOW)
    return found


def adapted(conf: str, names: int, port: int, bot_port: int) -> str:
    """Return nginx.conf with a port of the test's own in three places, and nothing else changed."""
    for pattern, replacement in (
        (r"resolver 127\.0\.0\.11 ", f"resolver 127.0.0.1:{names} "),
        (r"listen 80;", f"listen 127.0.0.1:{port};"),
        (r"\$bot:3000;", f"$bot:{bot_port};"),
    ):
        conf, count = re.subn(pattern, replacement, conf)
        assert count == 1, pattern
    return conf


@asynccontextmanager
async def balancer(folder: Path, names: int, port: int, bot_port: int) -> AsyncIterator[str]:
    """Run nginx until the end of the block; it comes with its address."""
    program = nginx()
    conf = adapted((ROOT / "bot/deploy/nginx.conf").read_text(), names, port, bot_port)
    user = "user root;" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(_AROUND.format(folder=folder, conf=conf, user=user))
    process = await asyncio.create_subprocess_exec(
        program, "-c", str(file), "-p", str(folder), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listening(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listening(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(20):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            writer.close()
            return
    pytest.fail("nginx ended at its start")
