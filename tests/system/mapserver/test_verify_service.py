"""Verification accepts good services, and says in MapServer's words what is wrong with bad ones."""

from __future__ import annotations

import dataclasses
import http.server
import io
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from cogmill.domain.errors import CogmillError, ServiceUnavailableError, VerificationError
from cogmill.domain.geo import Bounds3857
from cogmill.mapserver.mapfile import render
from cogmill.mapserver.verify_service import MapServerRunner, verify_service
from PIL import Image

pytestmark = pytest.mark.system

X, Y = -10880000.0, 3540000.0
KEY = "bw/Travis/USDA_1951/frames/cog"
POINT = (X + 256, Y - 256)


@pytest.fixture
def travis(archive, make_cog):
    """One frame of 512 m."""
    archive.add(f"{KEY}/1.tif", make_cog(np.full((1, 256, 256), 120, np.uint8), np.ones((256, 256), bool), (X, Y)))
    return archive


@pytest.fixture
def runner(postgis, store) -> MapServerRunner:
    return MapServerRunner({**postgis.environment, **store.environment}, timeout_s=20)


def changed(runner: MapServerRunner, **environment: str) -> MapServerRunner:
    return dataclasses.replace(runner, environment={**runner.environment, **environment})


def refusal(travis, runner: MapServerRunner, text: str | None = None) -> CogmillError:
    service = travis.service()
    with pytest.raises((VerificationError, ServiceUnavailableError)) as caught:
        verify_service(text or render(service), service, runner, points=[POINT])
    assert "canary" not in str(caught.value)
    assert "only-for-tests" not in str(caught.value)
    assert "/vsis3" not in str(caught.value)
    assert tempfile.gettempdir() not in str(caught.value)
    return caught.value


def test_preview_is_returned_when_the_service_is_good(travis, runner) -> None:
    service = travis.service()

    preview = verify_service(render(service), service, runner, points=[POINT])

    picture = np.asarray(Image.open(io.BytesIO(preview)))
    assert picture.shape == (512, 512, 4)
    assert tuple(picture[256, 256]) == (120, 120, 120, 255)
    assert picture[0, 0, 3] == 0


def test_preview_shows_the_surroundings_when_the_service_is_huge(travis, runner) -> None:
    service = travis.service(extent=Bounds3857.around(X, Y, 400_000))

    preview = verify_service(render(service), service, runner, points=[POINT])

    alpha = np.asarray(Image.open(io.BytesIO(preview)))[..., 3]
    assert alpha[256, 256] == 255
    assert (alpha == 255).sum() == pytest.approx((512 * 512 / 20_000) ** 2, rel=0.2)


def test_nothing_is_left_behind_when_the_verification_is_over(travis, runner, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    verify_service(render(travis.service()), travis.service(), runner, points=[POINT])

    assert list(tmp_path.iterdir()) == []


def test_verification_fails_when_the_mapfile_cannot_be_parsed(travis, runner) -> None:
    text = render(travis.service()).replace("UNITS METERS", "UNITS PARSECS")

    fault = refusal(travis, runner, text)

    assert isinstance(fault, VerificationError)
    assert "Parsing error near (PARSECS)" in str(fault)


def test_verification_fails_when_the_mapfile_belongs_to_another_service(travis, runner) -> None:
    fault = refusal(travis, runner, render(travis.service(service_name="Hays_USDA_1951_frames")))

    assert isinstance(fault, VerificationError)
    assert "GetCapabilities does not name TRAVISUSDA1951FRAMES, Travis_USDA_1951_frames" in str(fault)


def test_verification_fails_when_the_only_cog_is_gone(travis, runner) -> None:
    travis.store.delete(f"{KEY}/1.tif")

    fault = refusal(travis, runner)

    assert isinstance(fault, VerificationError)
    assert "the map is empty" in str(fault)
    assert "ignoring this missing data" in str(fault)


def test_verification_fails_when_the_frame_at_the_point_is_gone(travis, make_cog, runner) -> None:
    pixels, whole = np.full((1, 256, 256), 90, np.uint8), np.ones((256, 256), bool)
    travis.add(f"{KEY}/2.tif", make_cog(pixels, whole, (X + 512, Y)))
    travis.store.delete(f"{KEY}/1.tif")

    fault = refusal(travis, runner)

    assert isinstance(fault, VerificationError)
    assert "no frame is drawn at -10879744.0 3539744.0" in str(fault)


def test_verification_fails_when_the_index_has_no_such_collection(travis, runner) -> None:
    fault = refusal(travis, runner, render(travis.service(collection_id="other")))

    assert isinstance(fault, VerificationError)


def test_verification_fails_when_a_column_is_missing(travis, runner) -> None:
    text = render(travis.service()).replace("SELECT oid, location", "SELECT oid, place AS location")

    fault = refusal(travis, runner, text)

    assert isinstance(fault, VerificationError)
    assert 'column "place" does not exist' in str(fault)


def test_verification_waits_for_better_times_when_the_program_is_missing(travis, runner) -> None:
    fault = refusal(travis, dataclasses.replace(runner, program="no-such-mapserv"))

    assert isinstance(fault, ServiceUnavailableError)
    assert "cannot be started: no program no-such-mapserv" in str(fault)


def test_verification_waits_for_better_times_when_mapserver_is_too_slow(travis, runner, tmp_path) -> None:
    sleeper = tmp_path / "mapserv"
    sleeper.write_text("#!/bin/sh\nexec sleep 30\n")
    sleeper.chmod(0o755)

    fault = refusal(travis, dataclasses.replace(runner, program=str(sleeper), timeout_s=0.5))

    assert isinstance(fault, ServiceUnavailableError)
    assert "no answer within 0.5 s" in str(fault)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("host=127.0.0.1\nport=9\nuser=cogmill_reader\npassword=canary", "Connection refused"),
        (
            "host=127.0.0.1\nport={port}\nuser=nobody\npassword=canary",
            'password authentication failed for user "nobody"',
        ),
    ],
)
def test_verification_waits_for_better_times_when_postgis_is_away(
    travis, runner, postgis, tmp_path, entry, words
) -> None:
    service_file = tmp_path / "pg_service.conf"
    service_file.write_text(f"[cogmill]\ndbname=cogmill\n{entry.format(port=postgis.libpq['port'])}\n")

    fault = refusal(travis, changed(runner, PGSERVICEFILE=str(service_file)))

    assert isinstance(fault, ServiceUnavailableError)
    assert words in str(fault)


def test_verification_waits_for_better_times_when_nothing_listens_for_s3(travis, runner) -> None:
    fault = refusal(travis, changed(runner, AWS_S3_ENDPOINT="127.0.0.1:9"))

    assert isinstance(fault, ServiceUnavailableError)
    assert "Failed to connect" in str(fault) or "Couldn't connect" in str(fault)


@pytest.mark.parametrize(
    ("status", "family"), [(503, ServiceUnavailableError), (500, ServiceUnavailableError), (403, VerificationError)]
)
def test_family_of_the_failure_follows_what_s3_says(travis, runner, status: int, family: type[CogmillError]) -> None:
    class Sick(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing on the test's terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sick) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fault = refusal(travis, changed(runner, AWS_S3_ENDPOINT=f"127.0.0.1:{server.server_port}"))
        server.shutdown()

    assert isinstance(fault, family)
    assert f"HTTP response code: {status}" in str(fault)


def test_verification_waits_for_better_times_when_a_cog_is_back_before_the_cause_is_asked_for(
    travis, runner, tmp_path
) -> None:
    forgetful = tmp_path / "mapserv"
    loss = "missing file '/vsis3/a.tif' for layer 'b' ... ignoring this missing data.  "
    forgetful.write_text(
        f'#!/bin/sh\n! grep -q SHAPEPATH draft.map || echo "{loss}" >&2\nprintf "Content-Type: text/html\\r\\n\\r\\n"\n'
    )
    forgetful.chmod(0o755)

    fault = refusal(travis, dataclasses.replace(runner, program=str(forgetful)))

    assert isinstance(fault, ServiceUnavailableError)
    assert "could a moment later" in str(fault)


def test_environment_is_not_shown_when_a_runner_is_printed(runner) -> None:
    assert "canary" not in repr(runner)


def test_secret_is_hidden_when_mapserver_repeats_it(travis, runner, tmp_path: Path) -> None:
    parrot = tmp_path / "mapserv"
    parrot.write_text(
        '#!/bin/sh\nprintf "Content-Type: text/html\\r\\n\\r\\nkey $AWS_SECRET_ACCESS_KEY in /etc/secret/file"\n'
    )
    parrot.chmod(0o755)

    fault = refusal(travis, dataclasses.replace(runner, program=str(parrot)))

    assert str(fault).endswith("key *** in (path)")
