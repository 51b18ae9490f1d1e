"""QGIS opens every way out of a collection, and what it draws is compared with the ground: `make clients`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from cogmill.public.layer_files import QLR

from demo.stack import Stack
from tests.system.clients.ground import VIEW_PX, Ground
from tests.system.strangers import fetch

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("COGMILL_CLIENT_TESTS"), reason="brings QGIS and JOSM, 1 GB: make clients"),
]

SESSION = Path(__file__).with_name("qgis_session.py")


def wms(ground: Ground, layer: str, version: str) -> str:
    address = quote(f"{ground.addresses.wms}VERSION={version}", safe="")
    return f"crs=EPSG:3857&format=image/png&layers={layer}&styles=&url={address}"


def layers(ground: Ground) -> dict[str, tuple[str, str]]:
    """Return source and provider of each layer, as QGIS writes them."""
    addresses = ground.addresses
    items = json.loads(fetch(addresses.object(f"stac/{addresses.collection_id}/items.geojson"))[2])
    (cog,) = (item["assets"]["cog"]["href"] for item in items["features"])
    wmts = "crs=EPSG:3857&format=image/png&styles=default"
    grid = fetch(addresses.wmts)[2].decode().partition("<TileMatrixSet>")[2].partition("<")[0]
    return {
        "WMS 1.1.1": (wms(ground, ground.layer, "1.1.1"), "wms"),
        "WMS 1.3.0": (wms(ground, ground.layer, "1.3.0"), "wms"),
        "tiles": (f"type=xyz&url={quote(addresses.tiles, safe='/:{}')}&zmin=0&zmax=19", "wms"),
        "WMTS": (
            f"{wmts}&layers={addresses.collection_id}&tileMatrixSet={grid}&url={quote(addresses.wmts, safe='')}",
            "wms",
        ),
        "COG of STAC": (f"/vsicurl/{cog}", "gdal"),
        "STACIT": (
            f'STACIT:"/vsicurl/{addresses.object(f"stac/{addresses.collection_id}/items.geojson")}":asset=cog',
            "gdal",
        ),
        "outlines of WMS": (wms(ground, f"{ground.layer}_index", "1.3.0"), "wms"),
        "frames.fgb": (f"/vsicurl/{addresses.object(f'catalog/{addresses.collection_id}/frames.fgb')}", "ogr"),
    }


@pytest.fixture(scope="module")
def session(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the pictures that QGIS drew, and what it told."""
    folder = tmp_path_factory.mktemp("qgis")
    layer_file = folder / "ground.qlr"
    address = ground.addresses.object(f"catalog/{ground.addresses.collection_id}/{ground.addresses.collection_id}.qlr")
    status, kind, body = fetch(address)
    assert (status, kind) == (200, QLR)
    layer_file.write_bytes(body)
    wanted = {
        "layers": layers(ground),
        "layer_file": str(layer_file),
        "center": ground.center,
        "bounds": ground.view(),
        "side": VIEW_PX,
        "asked": "outlines of WMS",
    }
    (folder / "wanted.json").write_text(json.dumps(wanted))
    home = {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PATH": os.environ["PATH"],
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONFAULTHANDLER": "1",
    }
    command = ["/usr/bin/python3", SESSION, folder / "wanted.json", folder]
    done = subprocess.run(command, env=home, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    print(json.loads((folder / "told.json").read_text()))
    return folder


def told(session: Path) -> dict:
    return json.loads((session / "told.json").read_text())


def test_qgis_opens_every_layer(session: Path) -> None:
    assert told(session)["version"]
    assert told(session)["invalid"] == {}


def test_layer_file_brings_the_map_and_its_tiles(session: Path) -> None:
    assert len([name for name in told(session)["layers"] if name.startswith("qlr ")]) == 2


def test_qgis_is_told_of_the_photograph(session: Path) -> None:
    (photograph,) = told(session)["identified"]

    assert (photograph["date"], photograph["roll"], photograph["frame_num"]) == ("03-22-51", "4", "1")


@pytest.mark.parametrize("name", ["WMS 1.1.1", "WMS 1.3.0", "tiles", "WMTS", "COG of STAC", "STACIT"])
def test_qgis_draws_the_ground(session: Path, ground: Ground, name: str) -> None:
    ground.assert_drawn((session / f"{name}.png").read_bytes())


def test_layer_file_draws_the_ground(session: Path, ground: Ground) -> None:
    for picture in session.glob("qlr *.png"):
        ground.assert_drawn(picture.read_bytes())


def test_qgis_asks_in_the_version_of_the_capabilities(session: Path, stack: Stack) -> None:
    lines = (stack.paths.log / "nginx-access.log").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if "REQUEST=GetMap" in line and "SERVICE=WMS" in line]

    assert {"VERSION=1.1.1", "VERSION=1.3.0"} <= {word for line in asked for word in line.split("&")}
