from __future__ import annotations

import datetime as dt
import json
import threading
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cogmill.config.settings import Settings
from cogmill.maintenance.compare import compare
from cogmill.maintenance.report import needs_a_person, probe_services, report_text, write_report

from tests.small_archive import TRAVIS

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


@pytest.fixture
def host():
    """A stand-in for the MapServer host: answers with what `answers` holds for each request type."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kind = "GetMap" if "GetMap" in self.path else "GetCapabilities"
            status, body = answers[kind]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()
    thread.join()


GOOD = {
    "GetCapabilities": (200, b"<Layer><Name>Travis_USDA_1951_frames</Name></Layer>"),
    "GetMap": (200, b"\x89PNG\r\n\x1a\n..."),
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"GetCapabilities": (500, b"")}, "GetCapabilities: status 500"),
        ({"GetCapabilities": (200, b"<ServiceException/>")}, "GetCapabilities does not name its layer"),
        ({"GetMap": (200, b"<ServiceException/>")}, "GetMap answers something else than a PNG"),
    ],
)
def test_names_the_fault_of_a_live_service(sample, host, change, fault):
    url, answers = host
    sample.published()
    answers.update(GOOD | change)
    settings = Settings(_env_file=None, bucket=sample.archive.store.bucket, mapserver_url=url, probe_services=5)

    faults = probe_services(replace(sample.archive, settings=settings), night=3)

    assert faults == ({TRAVIS.id: fault} if fault else {})


def test_says_so_when_the_host_is_away(sample):
    sample.published()
    settings = Settings(
        _env_file=None, bucket=sample.archive.store.bucket, mapserver_url="http://127.0.0.1:9", probe_services=1
    )

    faults = probe_services(replace(sample.archive, settings=settings), night=0)

    assert "no answer" in faults[TRAVIS.id]


def test_asks_for_a_person_when_the_audit_left_damage_alone(sample):
    damaged = {"kind": "cog_damaged", "subject": "bw/x.tif", "done": "left alone: 200 differ", "failed": True}
    parts = {"comparison": {"counts": {}}, "audit": {"read": 1, "bytes": 1, "damaged": [damaged]}}

    report = write_report(sample.archive, parts, AT)

    assert needs_a_person(report) == ["bw/x.tif was not mended: left alone: 200 differ"]
    assert "Not mended cog_damaged bw/x.tif: left alone" in report_text(report)
