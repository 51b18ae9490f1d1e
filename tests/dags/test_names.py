"""People find DAGs and tasks by the words they know."""

from __future__ import annotations

import psycopg
import pytest
from cogmill_airflow.names import dag_title, task

from demo.stack.database import AIRFLOW_DATABASE
from tests.conftest import Postgres
from tests.dags.conftest import OPERATIONS, AirflowUi, entry

COLLECTIONS = [entry("Hays", "AMS", "1950"), entry("Travis"), entry("Hays", "TxDOT", "1964", source="StratMap")]


def test_dag_is_found_by_its_county_when_a_person_types_it(airflow_ui: AirflowUi) -> None:
    airflow_ui.load(COLLECTIONS)

    # what the search box of the DAG list sends, as it is and with its toggle
    for asked in ({"dag_display_name_prefix_pattern": "Hays"}, {"dag_display_name_pattern": "hays"}):
        found = airflow_ui.get("dags", **asked)["dags"]
        assert [dag["dag_display_name"] for dag in found] == [
            "Hays AMS 1950 frames",
            "Hays TxDOT 1964 frames (StratMap)",
        ]


def test_tag_finds_every_dag(airflow_ui: AirflowUi) -> None:
    airflow_ui.load(COLLECTIONS)

    tagged = [dag["dag_id"] for dag in airflow_ui.get("dags", tags="cogmill", limit=100)["dags"]]

    assert sorted(tagged) == sorted([*OPERATIONS, *(f"collection__{one['id']}" for one in COLLECTIONS)])


@pytest.mark.parametrize("dag", [*OPERATIONS, "collection__hays_ams_1950_frames"])
def test_tasks_are_shown_as_words(airflow_ui: AirflowUi, dag: str) -> None:
    airflow_ui.load(COLLECTIONS, f"{dag}.py" if dag in OPERATIONS else "collections_*.py")

    shown = {one["task_id"]: one["task_display_name"] for one in airflow_ui.get(f"dags/{dag}/tasks")["tasks"]}

    assert shown == {name: task(name)["task_display_name"] for name in shown}
    assert not [title for title in shown.values() if "_" in title or title[0].islower()]


def test_the_database_of_airflow_finds_a_county_in_any_case(postgres: Postgres) -> None:
    with psycopg.connect(**postgres.parameters(), autocommit=True) as server:
        server.execute("CREATE ROLE airflow")
        server.execute(AIRFLOW_DATABASE)
        try:
            with psycopg.connect(**postgres.parameters("airflow")) as metadata:
                asked = "SELECT %(name)s >= %(typed)s AND %(name)s < %(after)s"
                title = dag_title(entry("Hays"))
                for typed, after in (("hays", "hayt"), ("Hays", "Hayt"), ("hays usda", "hays usdb")):
                    found = metadata.execute(asked, {"name": title, "typed": typed, "after": after}).fetchone()
                    assert found == (True,)
        finally:
            server.execute("DROP DATABASE airflow")
            server.execute("DROP ROLE airflow")
