"""Real servers for tests: a private PostgreSQL with PostGIS and a moto server, each started once per session on a free port."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

START_LIMIT_S = 60
STOP_LIMIT_S = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready: Callable[[], bool], what: str, limit_s: float = START_LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not start within {limit_s:.0f} s")
        time.sleep(0.1)


def end(process: subprocess.Popen[bytes], politely: signal.Signals) -> None:
    """End a server; one that takes its time on a busy machine is killed, for nothing of it is needed any more."""
    process.send_signal(politely)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was skipped, by why, where nobody overlooks it: a lane that never ran is not green."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section(
            f"NOT RUN: {sum(reasons.values())} tests; `make lanes` runs what takes long", bold=True
        )
        for reason, number in reasons.most_common():
            terminalreporter.line(f"{number:5d}  {reason}")


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Let each test set its own `COGMILL_` variables: settings are read once per process."""
    from cogmill.config.settings import load_settings

    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture(scope="session")
def run_folder() -> Iterator[Path]:
    """A folder that system users such as postgres and www-data may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="cogmill-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Postgres:
    port: int

    def parameters(self, database: str = "postgres", user: str = "cogmill_owner") -> dict[str, object]:
        return {"host": "127.0.0.1", "port": self.port, "dbname": database, "user": user, "password": "only-for-tests"}


@pytest.fixture(scope="session")
def postgres(run_folder: Path) -> Iterator[Postgres]:
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    user = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    home = run_folder / "postgres"
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)
    server = Postgres(free_port())
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": home}
    password = home / "password"
    password.write_text("only-for-tests")
    initdb = [programs / "initdb", "-D", home / "data", "-U", "cogmill_owner", "-A", "scram-sha-256", "-E", "UTF8"]
    subprocess.run([*initdb, f"--pwfile={password}", "--no-sync"], check=True, capture_output=True, **as_user)
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(home), "fsync": "off"}
    options["dynamic_shared_memory_type"] = "mmap"  # /dev/shm may be closed in a container
    arguments = [f"-c{name}={value}" for name, value in options.items()]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", home / "data", "-p", str(server.port), *arguments],
            stdout=log, stderr=log, **as_user,
        )  # fmt: skip
    try:
        wait_until(lambda: _answers(server.port), "PostgreSQL")
        wait_until(lambda: _accepts(server), "PostgreSQL")
        _prepare_template(server)
        yield server
    finally:
        end(process, signal.SIGINT)  # fast shutdown


@pytest.fixture
def database(postgres: Postgres) -> Iterator[dict[str, object]]:
    """A fresh database with the schema; yields libpq parameters of its owner."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(**postgres.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
        yield postgres.parameters(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def s3_server(run_folder: Path) -> Iterator[str]:
    """Address of a moto server."""
    port = free_port()
    with (run_folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until(lambda: _answers(port), "moto")
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process, signal.SIGTERM)


@pytest.fixture
def bucket(s3_server: str) -> Iterator[tuple[object, str]]:
    """A boto3 client and the name of a fresh bucket."""
    import boto3

    client = boto3.client(
        "s3", endpoint_url=s3_server, region_name="us-east-1",
        aws_access_key_id="only", aws_secret_access_key="for-tests",
    )  # fmt: skip
    name = f"cogmill-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    yield client, name
    client.close()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _accepts(server: Postgres) -> bool:
    import psycopg

    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(**server.parameters()).close()
        return True
    return False


def _prepare_template(server: Postgres) -> None:
    import psycopg
    from cogmill.ledger.migrate import migrate

    from tests.lifecycle_guard import guard

    with psycopg.connect(**server.parameters(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    with psycopg.connect(**server.parameters("migrated")) as connection:
        migrate(connection)
        connection.execute(guard())
        for role in ("cogmill_writer", "cogmill_reader"):
            connection.execute(f"ALTER ROLE {role} LOGIN PASSWORD 'only-for-tests'")
