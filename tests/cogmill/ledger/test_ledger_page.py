"""`docs/ledger.md` against the schema, the queries and the states."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
from cogmill.domain.lifecycle import HELD_STATE, state_diagram
from cogmill.ledger.connection import SQL

PAGE = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text()


def test_shows_the_states_as_they_are():
    assert f"```mermaid\n{state_diagram()}\n```" in PAGE


def test_names_every_hold_with_its_state():
    assert {(hold, state) for hold, state in re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE)} == set(
        HELD_STATE.items()
    )


def test_draws_tables_and_columns_that_exist(database):
    with psycopg.connect(**database) as connection:
        query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'cogmill'"
        real = set(connection.execute(query).fetchall())

    diagram = PAGE.split("erDiagram")[1].split("```")[0]
    drawn = {
        (table, line.split()[1])
        for table, body in re.findall(r"^    (\w+) \{\n(.*?)^    \}", diagram, re.MULTILINE | re.DOTALL)
        for line in body.splitlines()
    }
    assert {table for table, _ in drawn} == {table for table, _ in real}
    assert drawn <= real


def test_lists_every_file_of_queries():
    assert set(re.findall(r"`(\w+)\.sql` \|", PAGE)) == {file.stem for file in SQL.glob("*.sql")}
