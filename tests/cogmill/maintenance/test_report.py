from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict

import pytest
from cogmill.maintenance.compare import compare
from cogmill.maintenance.report import needs_a_person, report_text, write_report

AT = dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)


def test_is_green_when_all_numbers_are_zero(sample):
    sample.published()
    parts = {"comparison": asdict(compare(sample.archive)), "repairs": [], "removals": [], "dead_services": {}}

    report = write_report(sample.archive, parts, AT)

    assert report["green"]
    stored = json.loads(sample.archive.store.read("reports/maintenance/2026-01-02.json"))
    assert stored == json.loads(sample.archive.store.read("reports/maintenance/latest.json"))
    assert stored["counts"]["cog_missing"] == 0
    assert report_text(report).startswith("All layers agree.")


@pytest.mark.parametrize("wrong", [{"dead_services": {"a": "no answer"}}, {"comparison": None}])
def test_is_not_green_when_something_is_wrong_or_unfinished(sample, wrong):
    parts = {"comparison": {"counts": {"cog_missing": 0}}, "dead_services": {}} | wrong

    assert not write_report(sample.archive, parts, AT)["green"]


def test_stays_green_when_only_scans_are_missing(sample):
    parts = {"comparison": {"counts": {"scan_missing": 7}}}

    assert write_report(sample.archive, parts, AT)["green"]


def test_stores_nothing_in_a_dry_run(sample):
    write_report(sample.archive, {"comparison": {"counts": {}}}, AT, dry_run=True)

    assert sample.listed("reports/") == []


def test_asks_for_a_person_when_the_audit_left_damage_alone(sample):
    damaged = {"kind": "cog_damaged", "subject": "bw/x.tif", "done": "left alone: 200 differ", "failed": True}
    parts = {"comparison": {"counts": {}}, "audit": {"read": 1, "bytes": 1, "damaged": [damaged]}}

    report = write_report(sample.archive, parts, AT)

    assert needs_a_person(report) == ["bw/x.tif was not repaired: left alone: 200 differ"]
    assert "Not repaired cog_damaged bw/x.tif: left alone" in report_text(report)


def test_shows_what_is_not_zero_first_and_no_heap_of_zeros(sample):
    counts = {"cog_missing": 0, "scan_missing": 939, "row_missing": 0, "upload_unknown": 2}

    text = report_text(write_report(sample.archive, {"comparison": {"counts": counts}}, AT)).splitlines()

    assert text[0] == "The layers do not agree."
    assert text[2].endswith("2  uploads the ledger does not know")
    assert text[3] == "No fault, but worth knowing:"
    assert text[4].endswith("939  published frames without a scan")
    assert text[-1] == "None of 5 other kinds, among them COGs that are gone."
