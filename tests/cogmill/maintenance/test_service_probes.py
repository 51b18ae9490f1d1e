from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cogmill.config.settings import Settings
from cogmill.domain.public_access import bucket_policy
from cogmill.maintenance.service_probes import probe_addresses, probe_services
from cogmill.pipeline.public_files import update_public_files

from tests.small_archive import TRAVIS


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


@pytest.mark.parametrize(("policy", "closed"), [(True, 0), (False, 8)])
def test_asks_for_published_addresses_as_a_stranger_does(sample, s3_server, policy, closed):
    bucket = sample.archive.store.bucket
    archive = sample.archive.with_settings(public_url=f"{s3_server}/{bucket}", probe_services=1)
    sample = replace(sample, archive=archive)
    rules = (
        bucket_policy(bucket, simulated=True) if policy else bucket_policy(bucket).replace("/catalog/*", "/nothing/*")
    )
    sample.client.put_bucket_policy(Bucket=bucket, Policy=rules)
    sample.published()
    update_public_files(archive, TRAVIS.id)

    faults = probe_addresses(archive, night=1)

    assert len(faults) >= closed
    assert bool(faults) == bool(closed)
    assert set(faults.values()) <= {"status 403"}


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9", "http://s3.localhost:9"]
)
def test_asks_nobody_at_an_address_of_this_machine_when_no_setting_says_so(sample, base_url, caplog):
    caplog.set_level("INFO")
    archive = sample.archive.with_settings(public_url=base_url, mapserver_url=base_url)
    sample.published()
    update_public_files(archive, TRAVIS.id)

    assert probe_addresses(archive, night=1) == {}
    assert probe_services(archive, night=1) == {}
    assert caplog.text.count("services_probed asked=0 address=") == 2


def test_asks_at_an_address_of_another_machine_without_a_setting(sample):
    archive = sample.archive.with_settings(public_url="http://data.invalid/b", mapserver_url="http://maps.invalid")
    sample.published()
    update_public_files(archive, TRAVIS.id)

    asked = probe_addresses(archive, night=1)

    assert "no answer" in asked[archive.addresses.of(TRAVIS.id).thumbnail(256)]
    assert "no answer" in probe_services(archive, night=1)[TRAVIS.id]


def test_asks_nobody_when_no_service_is_to_be_probed(sample):
    archive = sample.archive.with_settings(
        public_url="http://data.invalid/b", mapserver_url="http://maps.invalid", probe_services=0
    )
    sample.published()
    update_public_files(archive, TRAVIS.id)

    assert probe_addresses(archive, night=1) == {}
    assert probe_services(archive, night=1) == {}
