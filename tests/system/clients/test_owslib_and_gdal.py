"""Programs that people have open the services of a stack, each in its own words; docs/clients.md has the table."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import numpy as np
import pytest
from cogmill.domain.model import Bands, Collection, Product
from osgeo import gdal
from owslib.wms import WebMapService
from PIL import Image

from demo.stack import Stack
from tests.small_archive import geotiff
from tests.system.probes import wait_until
from tests.system.stack_archive import archive_of

pytestmark = pytest.mark.system
gdal.UseExceptions()

OPENED = Collection("Clients", "USDA", "1951", Product.FRAMES)
WEST, NORTH = -10_700_000, 3_500_000
"""Corner of the frame, which is 256 m wide."""
WINDOW = (WEST + 20, NORTH - 220, WEST + 220, NORTH - 20)
PATIENCE_S = 60


@dataclass
class Service:
    """A published collection of one frame."""

    wms: str
    layer: str

    def words(self, version: str, styles: str) -> str:
        """Return a GetMap request as its query; `styles` as the client writes it, with its ampersand."""
        system = "CRS" if version == "1.3.0" else "SRS"
        window = ",".join(map(str, WINDOW))
        return (
            f"&SERVICE=WMS&VERSION={version}&REQUEST=GetMap&LAYERS={self.layer}{styles}&{system}=EPSG:3857"
            f"&BBOX={window}&WIDTH=100&HEIGHT=100&FORMAT=image/png&TRANSPARENT=TRUE"
        )


@pytest.fixture(scope="module")
def service(stack: Stack) -> Iterator[Service]:
    """Publish the frame, and wait until MapServer knows it."""
    with archive_of(stack) as archive:
        archive.put(f"{OPENED.prefix(Bands.BW)}georef/03-22-51_4-1.tif", geotiff(WEST, 1))
        archive.run(OPENED)
        found = Service(f"{stack.settings.front_url}/wms/?map=/mapfiles/{OPENED.id}.map", OPENED.service_name)
        wait_until(lambda: ask(found.wms + found.words("1.3.0", "&STYLES=")).status_code == 200, PATIENCE_S)
        yield found


def ask(address: str) -> httpx.Response:
    return httpx.get(address, trust_env=False, timeout=20)


def is_photograph(content: bytes) -> bool:
    """Tell whether a picture shows more than one even color."""
    return len(np.unique(np.asarray(Image.open(io.BytesIO(content)).convert("L")))) > 4


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_styles_may_be_left_out(service: Service, version: str) -> None:
    answers = [ask(service.wms + service.words(version, styles)) for styles in ("&STYLES=", "")]

    assert [answer.headers["content-type"] for answer in answers] == ["image/png"] * 2
    assert answers[0].content == answers[1].content
    assert is_photograph(answers[0].content)


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_photographs_are_told_with_and_without_styles(service: Service, version: str) -> None:
    index = Service(service.wms, f"{service.layer}_index")
    pixel = "&I=50&J=50" if version == "1.3.0" else "&X=50&Y=50"
    more = f"&QUERY_LAYERS={index.layer}&INFO_FORMAT=application/vnd.ogc.gml{pixel}"

    answers = [
        ask(index.wms + index.words(version, styles).replace("GetMap", "GetFeatureInfo") + more)
        for styles in ("&STYLES=", "")
    ]

    assert ["03-22-51_4-1" in answer.text for answer in answers] == [True, True]


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_owslib_lists_draws_and_asks(service: Service, version: str) -> None:
    wms = WebMapService(service.wms, version=version)
    index = f"{service.layer}_index"
    request = {"srs": "EPSG:3857", "bbox": WINDOW, "size": (100, 100), "format": "image/png"}

    drawn = wms.getmap(layers=[service.layer], **request).read()
    told = wms.getfeatureinfo(
        layers=[index], query_layers=[index], xy=(50, 50), info_format="application/vnd.ogc.gml", **request
    ).read()

    assert {service.layer, index} <= set(wms.contents)
    assert is_photograph(drawn)
    assert b"03-22-51_4-1" in told


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_gdal_draws_by_wms(service: Service, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_ENABLE_WMS_CACHE", "NO")
    west, south, east, north = WINDOW
    system = "CRS" if version == "1.3.0" else "SRS"
    description = (
        f"<GDAL_WMS><Service name='WMS'><Version>{version}</Version><ServerUrl>{service.wms}&amp;</ServerUrl>"
        f"<{system}>EPSG:3857</{system}><ImageFormat>image/png</ImageFormat><Layers>{service.layer}</Layers></Service>"
        f"<DataWindow><UpperLeftX>{west}</UpperLeftX><UpperLeftY>{north}</UpperLeftY><LowerRightX>{east}</LowerRightX>"
        f"<LowerRightY>{south}</LowerRightY><SizeX>100</SizeX><SizeY>100</SizeY></DataWindow><BandsCount>3</BandsCount>"
        "<BlockSizeX>100</BlockSizeX><BlockSizeY>100</BlockSizeY></GDAL_WMS>"
    )

    drawn = gdal.Open(description).ReadAsArray()

    by_hand = Image.open(io.BytesIO(ask(service.wms + service.words(version, "&STYLES=")).content)).convert("RGB")
    assert len(np.unique(drawn)) > 4
    assert np.array_equal(np.moveaxis(drawn, 0, 2), np.asarray(by_hand))


def test_gdal_finds_the_layer_in_the_capabilities(service: Service) -> None:
    listed = gdal.Open(f"WMS:{service.wms}&SERVICE=WMS&VERSION=1.1.1&REQUEST=GetCapabilities")

    assert any(f"LAYERS={service.layer}&" in address for address in listed.GetMetadata("SUBDATASETS").values())


def test_photographs_are_told_as_geojson_under_a_file_name_that_qgis_looks_for(service: Service) -> None:
    index = Service(service.wms, f"{service.layer}_index")
    more = f"&QUERY_LAYERS={index.layer}&INFO_FORMAT=application/json&I=50&J=50"

    answer = ask(index.wms + index.words("1.3.0", "&STYLES=").replace("GetMap", "GetFeatureInfo") + more)

    (feature,) = answer.json()["features"]
    assert feature["properties"]["frame_num"] == "1"
    assert answer.headers["content-disposition"].endswith(".json")
