"""Forms know the collections, ask for a choice, are dry runs first, and refuse what is wrong before a run begins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cogmill_airflow.airflow_internals import request_parsing
from cogmill_airflow.bundle.form_renewal import FORMS
from cogmill_airflow.bundle.params import UNKNOWN

from tests.dags.conftest import AirflowUi, entry

COLLECTIONS = [entry("Hays", "AMS", "1950"), entry("Travis"), entry("Travis", "TxDOT", "1964")]
NAMES = ["Hays_AMS_1950_frames", "Travis_TxDOT_1964_frames", "Travis_USDA_1951_frames"]
MANY = ("backfill", "retry", "render_mapfiles")
"""DAGs in whose forms several collections are chosen."""


def choice(dag: str, *names: str) -> dict[str, Any]:
    """Return what a form sends for some collections, or for one."""
    return {"collection": names[0]} if dag == "rollback" else {"collections": list(names)}


@pytest.mark.parametrize("dag", FORMS)
def test_offers_each_collection_by_the_name_that_people_see(airflow_ui: AirflowUi, dag: str) -> None:
    airflow_ui.load([], f"{dag}.py")
    before = airflow_ui.form(dag)
    airflow_ui.load(COLLECTIONS, f"{dag}.py")

    (field,) = choice(dag, "x")
    assert before[field]["schema"]["examples"] == [*(["everything"] if dag in MANY else [])]
    assert airflow_ui.form(dag)[field]["schema"]["examples"] == [*(["everything"] if dag in MANY else []), *NAMES]


@pytest.mark.parametrize("dag", [*FORMS, "adopt", "maintenance"])
def test_a_dry_run_stands_first_and_is_on(airflow_ui: AirflowUi, dag: str) -> None:
    airflow_ui.load(COLLECTIONS, f"{dag}.py")

    fields = airflow_ui.form(dag)

    assert next(iter(fields)) == "dry_run"
    assert fields["dry_run"]["value"] is True
    folded = {name for name, field in fields.items() if field["schema"].get("section")}
    assert folded <= {"profile", "force", "order", "limit"}


@pytest.mark.parametrize("dag", FORMS)
@pytest.mark.parametrize("name", ["Hays_AMS_1950_frames", "hays_ams_1950_frames"])
def test_takes_names_as_shown_and_ids(airflow_ui: AirflowUi, dag: str, name: str) -> None:
    airflow_ui.load(COLLECTIONS, f"{dag}.py")

    assert airflow_ui.trigger(dag, **choice(dag, name))[0] == 200


@pytest.mark.parametrize("dag", [dag for dag in FORMS if dag != "retry"])
def test_refuses_a_wrong_name_in_few_words_before_a_run_begins(airflow_ui: AirflowUi, dag: str) -> None:
    airflow_ui.load(COLLECTIONS, f"{dag}.py")

    status, said = airflow_ui.trigger(dag, **choice(dag, "Hays_AMS_1905_frames"))

    assert status == 400
    assert UNKNOWN in said
    assert "Hays_AMS_1905_frames" in said
    assert len(said) < 600


def test_the_button_of_the_page_may_name_a_collection_that_no_form_offers_yet(airflow_ui: AirflowUi) -> None:
    airflow_ui.load(COLLECTIONS, "retry.py")

    assert airflow_ui.trigger("retry", collections=["newest_usda_1951_frames"], dry_run=False)[0] == 200


@pytest.mark.parametrize("dag", MANY)
@pytest.mark.parametrize("chosen", [{}, {"collections": []}, {"collections": None}])
def test_nothing_chosen_is_refused_and_never_means_everything(
    airflow_ui: AirflowUi, dag: str, chosen: dict[str, Any]
) -> None:
    airflow_ui.load(COLLECTIONS, f"{dag}.py")

    assert airflow_ui.trigger(dag, **chosen)[0] == 400
    assert airflow_ui.trigger(dag, collections=["everything"])[0] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"states": ["refused"]},
        {"states": []},
        {"counties": ["Hayes"]},
        {"products": ["maps"]},
        {"first_year": 51},
        {"order": "at random"},
        {"profile": "best"},
        {"limit": 0},
    ],
    ids=str,
)
def test_refuses_what_no_field_means_before_a_run_begins(airflow_ui: AirflowUi, wrong: dict[str, Any]) -> None:
    airflow_ui.load(COLLECTIONS, "backfill.py")

    status, said = airflow_ui.trigger("backfill", **choice("backfill", "everything"), **wrong)

    assert status == 400
    assert next(iter(wrong)) in said


def test_offers_what_narrows_a_choice_down(airflow_ui: AirflowUi) -> None:
    airflow_ui.load(COLLECTIONS, "backfill.py")

    fields = airflow_ui.form("backfill")

    assert fields["counties"]["schema"]["examples"] == ["Hays", "Travis"]
    assert fields["agencies"]["schema"]["examples"] == ["AMS", "TxDOT", "USDA"]
    assert fields["products"]["schema"]["examples"] == ["frames"]
    assert fields["profile"]["schema"]["values_display"] == {"null": "the collections' own"}


def test_forms_stay_small_with_3000_collections(airflow_ui: AirflowUi) -> None:
    airflow_ui.load([entry(f"County{number}") for number in range(3000)], files="backfill.py")

    fields = airflow_ui.form("backfill")
    status, said = airflow_ui.trigger("backfill", collections=["Nowhere_USDA_1951_frames"])

    assert len(fields["collections"]["schema"]["examples"]) == 3001
    assert len(json.dumps(fields)) < 600_000
    assert (status, len(said) < 600) == (400, True)


def test_airflow_is_asked_once_to_parse_each_file_whose_form_offers_collections(airflow_ui: AirflowUi) -> None:
    airflow_ui.load(COLLECTIONS)

    assert request_parsing(FORMS) == 4
    assert request_parsing(FORMS) == 0

    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session

    with create_session() as session:
        asked = session.query(DagPriorityParsingRequest).all()
        assert {(one.bundle_name, one.relative_fileloc) for one in asked} == {("cogmill", f"{dag}.py") for dag in FORMS}
        for one in asked:
            session.delete(one)
