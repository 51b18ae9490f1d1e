from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cogmill.cog.profiles import PROFILES, Grid, Nodata, Resampling, Scaling
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.protocol import (
    ANSWERS,
    BuildRequest,
    DrawRequest,
    Failed,
    ProtocolError,
    Ready,
    Rejected,
    ResourceLimit,
    Unavailable,
    Unverified,
    decode_answer,
    decode_limits,
    decode_request,
    encode_answer,
    encode_limits,
    encode_request,
)
from cogmill.config.places import IMPORT_ROOT
from cogmill.domain.errors import Reason
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import Bands, BuiltCog, DrawnScan

PROFILE = dataclasses.replace(
    PROFILES["bw"],
    resampling=Resampling.CUBIC,
    grid=Grid.WEB,
    nodata=Nodata.EVERYWHERE,
    scaling=Scaling(low=0, high=4095.5),
)
REQUEST = BuildRequest(
    source=Path("/scratch/a b\nc é.tif"),
    target=Path("/scratch/out.tif"),
    bands=Bands.NC,
    profile=PROFILE,
    provenance={"source_key": "nc/Ä \n.tif"},
    area=Bounds4326(-107.0, 25.0, -93.0, 37.0),
    threads=3,
)
COG = BuiltCog("/scratch/out.tif", 12, "ab" * 32, b"\0\n\xff", 7, 5, 0.5, "EPSG:26914", "none", 1.25, 2**40)


@pytest.mark.parametrize("area", [REQUEST.area, None])
def test_a_request_survives_the_line(area):
    request = dataclasses.replace(REQUEST, area=area)
    line = encode_request(request)

    assert decode_request(line) == request
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


def test_a_request_for_a_picture_survives_the_line():
    request = DrawRequest(Path("a b\nc é.tif"), Path("a.webp"), 512, threads=2)

    assert decode_request(encode_request(request)) == request


@pytest.mark.parametrize(
    "answer",
    [
        Ready("3.6.2"),
        COG,
        DrawnScan("a.webp", 7, 5, 0.5, 2**40),
        dataclasses.replace(COG, transform=(0.5, 0.0, -1e7, 0.0, -0.5, 0.1 + 0.2)),
        Rejected(Reason.NO_CRS, "no\nsystem"),
        Unverified("a level"),
        ResourceLimit("out of memory"),
        Unavailable("No space left"),
        Failed("what"),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_an_answer_survives_the_line(answer):
    line = encode_answer(answer)

    assert decode_answer(line) == answer
    assert line.count(b"\n") == 1


def test_every_answer_has_its_own_name():
    assert len(set(ANSWERS.values())) == len(ANSWERS)


def test_limits_survive_the_command_line():
    limits = Limits(side_px=7, bands=(1, 3), wall_s=0.25)

    assert decode_limits(encode_limits(limits)) == limits


def answer(**values: object) -> bytes:
    return json.dumps(values).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"ERROR 1: something that a library printed\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"null\n",
        answer(kind="unheard"),
        answer(detail="no kind"),
        answer(kind="rejected", reason="no_such_reason", detail=""),
        answer(kind="failed"),
        answer(kind="failed", detail="", more=1),
        answer(kind=["failed"], detail=""),
        answer(**{"kind": "built", **dataclasses.asdict(COG), "footprint_wkb": "not base64!"}),
        answer(kind="built", footprint_wkb=""),
    ],
)
def test_refuses_a_line_that_is_no_answer(line):
    with pytest.raises(ProtocolError):
        decode_answer(line)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bands", "xx"),
        ("area", [1, 2, 3]),
        ("area", [25, -107, 37, -93]),
        ("profile", {}),
        ("source", None),
    ],
)
def test_refuses_a_line_that_is_no_request(name, value):
    values = json.loads(encode_request(REQUEST))

    with pytest.raises(ProtocolError):
        decode_request(json.dumps({**values, name: value}).encode())


def test_the_worker_imports_nothing_that_it_does_not_need():
    program = "import sys, cogmill.cog.sandbox.worker; print(*sorted(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=IMPORT_ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    libraries = {name.partition(".")[0] for name in found}

    assert not libraries & {"pydantic", "rasterio", "boto3", "botocore", "psycopg", "airflow", "jinja2", "lxml"}
