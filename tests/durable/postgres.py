"""A PostgreSQL server for the tests, on loopback, if its programs are installed."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ports import held_port

HOW = "PostgreSQL's own programs are not here; on Debian: apt-get install postgresql"


def program(name: str) -> str | None:
    """Return the path of a PostgreSQL program; Debian has them outside the PATH."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))  # noqa: PTH207 - not below one
    return shutil.which(name) or (found[-1] if found else None)


def account() -> str | None:
    """Return the user of the server, which refuses to run as root."""
    if os.geteuid() != 0:
        return None
    users = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


class Postgres:
    """A server with its data in a folder, which tests can stop and start."""

    def __init__(self, folder: Path, programs: dict[str, str], user: str | None, port: int) -> None:
        self._folder = folder
        self._programs = programs
        self._user = user
        self.port = port
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "--auth=trust", "--username=bot", "--no-sync", f"-D{folder}/data")

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        settings = ["fsync=off", f"unix_socket_directories={self._folder}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._programs["postgres"], "-D", f"{self._folder}/data"),
                    *("-h", "127.0.0.1", "-p", str(self.port)),
                    *(part for setting in settings for part in ("-c", setting)),
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
                user=self._user,
            )
        deadline = time.monotonic() + 30
        while subprocess.run(
            [self._programs["pg_isready"], "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            check=False,
        ).returncode:
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.05)

    def hang(self) -> None:
        """Stop every process with SIGSTOP, like a machine without a network."""
        self._send_all(signal.SIGSTOP)

    def go_on(self) -> None:
        """Continue the processes with SIGCONT."""
        self._send_all(signal.SIGCONT)

    def _send_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        supervisor = self._process.pid
        os.kill(supervisor, number)  # first, because it restarts the others
        for child in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
            with suppress(ProcessLookupError):  # it has already ended
                os.kill(int(child), number)

    def stop(self) -> None:
        """Cut all connections, and stop the server if it runs."""
        if self._process is not None:
            self.go_on()
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def new_database(self) -> str:
        """Create an empty database, and return its URL."""
        self._databases += 1
        name = f"bot{self._databases}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bot", name)
        return f"postgresql://bot@127.0.0.1:{self.port}/{name}"

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs[name], *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd=self._folder,
        )


@pytest.fixture(scope="session")
def postgres_programs() -> dict[str, str]:
    """The folder of the programs; without them, the test is skipped, or fails in CI."""
    names = ("initdb", "postgres", "pg_isready", "createdb")
    found = {name: path for name in names if (path := program(name))}
    if len(found) < len(names):
        if os.environ.get("CI") == "true":
            pytest.fail(HOW)
        pytest.skip(HOW)
    return found


@pytest.fixture(scope="session")
def postgres_server(postgres_programs: dict[str, str]) -> Iterator[Postgres]:
    """The running server of all tests; a test that stops it uses ``postgres``."""
    with held_port() as port, tempfile.TemporaryDirectory(prefix="bot-postgres-") as name:
        user = account()
        if user is not None:
            shutil.chown(name, user)
        server = Postgres(Path(name), postgres_programs, user, port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def postgres(postgres_server: Postgres) -> Iterator[Postgres]:
    """The running server, which is started again after the test."""
    yield postgres_server
    postgres_server.stop()
    postgres_server.start()


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """The URL of an empty database."""
    return postgres_server.new_database()
