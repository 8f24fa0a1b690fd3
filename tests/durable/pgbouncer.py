"""A PgBouncer for the tests, if the program is installed."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.durable.postgres import account
from tests.ports import held_port

HOW = "PgBouncer's program is not here; on Debian: apt-get install pgbouncer"


@pytest.fixture(scope="session")
def pgbouncer_program() -> str:
    """The path of the program; without it, the test is skipped, or fails in CI."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW)
        pytest.skip(HOW)
    return found


@contextmanager
def pooled(program: str, url: str, mode: str) -> Iterator[str]:
    """Run a pooler before the server; return the URL that leads through it."""
    server, _, name = url.removeprefix("postgresql://bot@").partition("/")
    with held_port() as port, tempfile.TemporaryDirectory(prefix="bot-pgbouncer-") as folder:
        Path(folder, "users.txt").write_text('"bot" ""\n')
        Path(folder, "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.partition(':')[2]}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder}/users.txt\npool_mode = {mode}\n"
        )
        user = account()
        if user is not None:
            for path in (Path(folder), *Path(folder).iterdir()):
                shutil.chown(path, user)
        process = subprocess.Popen(
            [program, "-q", f"{folder}/pgbouncer.ini"],
            user=user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port)
            yield f"postgresql://bot@127.0.0.1:{port}/{name}"
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return
