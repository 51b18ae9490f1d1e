"""The role cogmill_db, on the machine of test_roles.py: the second group of a small site's only host."""

from __future__ import annotations

from tests.ansible.hosts import Host

OWNER, WRITER, READER, AIRFLOW = (f"canary-{name}-91ab" for name in ("owner", "writer", "reader", "airflow"))
PASSWORDS = {
    "cogmill_db_owner_password": OWNER,
    "cogmill_db_writer_password": WRITER,
    "cogmill_db_reader_password": READER,
    "cogmill_db_airflow_password": AIRFLOW,
}
FORBIDDEN = (
    "INSERT INTO cogmill.tile_index SELECT * FROM cogmill.tile_index", "UPDATE cogmill.tile_index SET date = ''",
    "DELETE FROM cogmill.tile_index", "TRUNCATE cogmill.tile_index", "DROP TABLE cogmill.tile_index",
    "SELECT * FROM cogmill.frame", "SELECT * FROM cogmill.scan", "SELECT * FROM cogmill.collection",
    "DELETE FROM cogmill.frame", "CREATE TABLE cogmill.x (y int)", "CREATE TABLE public.x (y int)", "CREATE TEMP TABLE x (y int)",
    "CREATE SCHEMA x", "CREATE ROLE x", "ALTER ROLE cogmill_reader SUPERUSER", "CREATE EXTENSION dblink",
    "SET ROLE cogmill_owner", "GRANT SELECT ON cogmill.frame TO cogmill_reader", "COPY cogmill.tile_index TO PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
)  # fmt: skip


def sql(host: Host, user: str, password: str, statement: str) -> str:
    address = f"host=127.0.0.1 dbname=cogmill user={user} password={password}"
    return host.run(f'psql -v ON_ERROR_STOP=1 -qtAX "{address}" -c "BEGIN READ WRITE; {statement}" 2>&1', check=False)


def test_second_run_changes_nothing_and_shows_no_password(host13: Host) -> None:
    host13.play(extra=PASSWORDS, groups=("databases",))

    play = host13.play("-vvv", "--diff", extra=PASSWORDS, groups=("databases",))

    assert play.changes == []
    assert not [password for password in PASSWORDS.values() if password in play.text]
    assert host13.play("--check", extra=PASSWORDS, groups=("databases",)).changes == []


def test_each_role_may_do_what_it_needs_and_no_more(host13: Host) -> None:
    assert host13.ask("migrate", OWNER) is not None

    assert sql(host13, "cogmill_reader", READER, "SELECT count(*) FROM cogmill.tile_index") == "0"
    assert sql(host13, "cogmill_writer", WRITER, "SELECT count(*) FROM cogmill.frame") == "0"
    allowed = [one for one in FORBIDDEN if "ERROR" not in sql(host13, "cogmill_reader", READER, one)]
    assert allowed == []
    assert "timeout" in sql(host13, "cogmill_reader", READER, "SELECT pg_sleep(6)")
    assert host13.play(extra=PASSWORDS, groups=("databases",)).changes == []


def test_a_dump_is_made_and_can_be_read(host13: Host) -> None:
    host13.run("systemctl start cogmill-db-backup.service")

    listed = host13.run(
        "runuser -u postgres -- pg_restore --list /var/backups/cogmill/cogmill-*.dump | grep -c tile_index"
    )
    assert int(listed) > 0
    assert host13.run("stat -c '%a %U' /var/backups/cogmill/*.dump") == "600 postgres\n600 postgres"
    assert host13.run("ls /var/backups/cogmill | grep -c ^airflow-") == "1"
