"""The private PostgreSQL cluster: made once, with the databases `cogmill` (PostGIS) and `airflow`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from cogmill.domain.errors import ServiceUnavailableError
from psycopg import sql

from demo.stack import airflow_env
from demo.stack.paths import StackPaths, write_private
from demo.stack.programs import BASE_ENVIRONMENT, postgres_folder
from demo.stack.render import render
from demo.stack.settings import LOOPBACK, REPOSITORY, StackSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

HBA = f"host all all {LOOPBACK}/32 scram-sha-256\n"
"""Every role by password, from this machine only."""

READER_LIMITS = ("statement_timeout = '5s'", "default_transaction_read_only = on", "idle_session_timeout = '1h'")
"""What MapServer's role may take at most."""


def make_cluster(paths: StackPaths, settings: StackSettings) -> None:
    """Create the cluster if there is none, and write its settings. PostgreSQL must not be running."""
    if not (paths.postgres / "PG_VERSION").exists():
        password_file = paths.run / "initdb-password"
        write_private(password_file, paths.keys()["postgres"], "postgres")
        options = ["--auth=scram-sha-256", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        command = [f"{postgres_folder()}/initdb", "-D", str(paths.postgres), f"--pwfile={password_file}", *options]
        try:
            _run(command, user="postgres", cwd=str(paths.postgres))
        finally:
            password_file.unlink()
    write_private(paths.postgres / "pg_hba.conf", HBA, "postgres")
    write_private(paths.postgres / "postgresql.conf", render("postgresql.conf.j2", settings=settings), "postgres")


def connect(paths: StackPaths, settings: StackSettings, database: str = "postgres") -> psycopg.Connection:
    """Connect as superuser, autocommit."""
    return psycopg.connect(
        host=LOOPBACK,
        port=settings.postgis_port,
        dbname=database,
        user="postgres",
        password=paths.keys()["postgres"],
        connect_timeout=5,
        autocommit=True,
    )


def ensure_roles(paths: StackPaths, settings: StackSettings) -> None:
    """Create the roles or give the existing ones the passwords of today's settings."""
    passwords = {
        "cogmill_owner": settings.owner_password.get_secret_value(),
        "cogmill_writer": settings.writer_password.get_secret_value(),
        "cogmill_reader": settings.reader_password.get_secret_value(),
        "airflow": paths.keys()["airflow"],
    }
    with connect(paths, settings) as connection:
        present = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for role, password in passwords.items():
            verb = sql.SQL("ALTER" if role in present else "CREATE")
            statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                verb, sql.Identifier(role), sql.Literal(password)
            )
            connection.execute(statement)
        # The migrations, run by the owner, set limits on the other two roles.
        connection.execute("ALTER ROLE cogmill_owner CREATEROLE")
        connection.execute("GRANT cogmill_writer, cogmill_reader TO cogmill_owner WITH ADMIN OPTION")
        for limit in READER_LIMITS:
            connection.execute(sql.SQL("ALTER ROLE cogmill_reader SET {}").format(sql.SQL(limit)))


def make_ledger(paths: StackPaths, settings: StackSettings) -> None:
    """Make the database `cogmill` anew and apply the migrations of the ledger."""
    with connect(paths, settings) as connection:
        connection.execute("DROP DATABASE IF EXISTS cogmill WITH (FORCE)")
        connection.execute("CREATE DATABASE cogmill OWNER cogmill_owner")
        connection.execute("REVOKE TEMPORARY ON DATABASE cogmill FROM PUBLIC")
    with connect(paths, settings, "cogmill") as connection:
        connection.execute("CREATE EXTENSION postgis; CREATE EXTENSION btree_gist; CREATE EXTENSION pg_trgm")
    migrate_ledger(settings)


def migrate_ledger(settings: StackSettings) -> None:
    """Apply the migrations in `include/cogmill/ledger/sql/` as the owner of the schema."""
    login = {
        "PGHOST": LOOPBACK,
        "PGPORT": str(settings.postgis_port),
        "PGDATABASE": "cogmill",
        "PGUSER": "cogmill_owner",
        "PGPASSWORD": settings.owner_password.get_secret_value(),
    }
    command = [sys.executable, "-m", "cogmill.ledger.migrate"]
    _run(command, cwd=str(REPOSITORY), env=BASE_ENVIRONMENT | login)


AIRFLOW_DATABASE = (
    "CREATE DATABASE airflow OWNER airflow LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8' TEMPLATE template0"
)
"""In the order of a language, where `hays` begins `Hays AMS 1950 frames`: Airflow's search compares as its database does."""


def make_airflow(paths: StackPaths, settings: StackSettings) -> None:
    """Make the database `airflow` anew, from a template once Airflow has built one.

    Runs of an earlier stack speak of objects that are gone, so nothing of them is kept.
    """
    template = _template_name(settings)
    with connect(paths, settings) as connection:
        for name in _databases(connection, "airflow%"):
            if name != template:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        if not _databases(connection, template):
            connection.execute(AIRFLOW_DATABASE)
            _fill_airflow(paths, settings)
            rename = sql.SQL("ALTER DATABASE airflow RENAME TO {}").format(sql.Identifier(template))
            connection.execute(rename)
        copy = sql.SQL("CREATE DATABASE airflow OWNER airflow TEMPLATE {}").format(sql.Identifier(template))
        connection.execute(copy)


def _databases(connection: psycopg.Connection, pattern: str) -> list[str]:
    found: Iterator[tuple[str]] = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [pattern])
    return [name for (name,) in found]


def _template_name(settings: StackSettings) -> str:
    facts = [importlib.metadata.version("apache-airflow"), json.dumps(airflow_env.pools(settings), sort_keys=True)]
    return f"airflow-{hashlib.sha256(' '.join(facts).encode()).hexdigest()[:12]}"


def _fill_airflow(paths: StackPaths, settings: StackSettings) -> None:
    pools = paths.airflow / "pools.json"
    pools.write_text(json.dumps(airflow_env.pools(settings)), encoding="utf-8")
    environment = BASE_ENVIRONMENT | airflow_env.environment(paths, settings)
    for arguments in (["db", "migrate"], ["pools", "import", str(pools)]):
        _run([sys.executable, "-m", "airflow", *arguments], env=environment, cwd=str(REPOSITORY))


def _run(command: list[str], **options: object) -> None:
    """Run a helper to its end.

    Raises:
        ServiceUnavailableError: It failed; with its last lines.
    """
    options.setdefault("env", dict(BASE_ENVIRONMENT))
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise ServiceUnavailableError(f"{' '.join([Path(command[0]).name, *command[1:4]])} failed:\n{last}")
