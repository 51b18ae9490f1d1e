"""The contract with the clients: names, versions, formats, and what is never told."""

from __future__ import annotations

import datetime as dt
import json
import math

import mapbox_vector_tile
import numpy as np
import pytest
from cogmill.domain.model import Product
from cogmill.mapserver.mapfile import PUBLIC_ITEMS, render
from lxml import etree
from owslib.wms import WebMapService
from rasterio.warp import transform_bounds

pytestmark = pytest.mark.system

X, Y = -10880000.0, 3540000.0
KEY = "bw/Travis/USDA_1951/frames/cog"
DAYS = (dt.date(1951, 1, 29), dt.date(1951, 3, 22))
HALF_WORLD_M = 20037508.342789244


@pytest.fixture
def travis(archive, make_cog):
    """Two frames side by side, 512 m each."""
    pixels, whole = np.full((1, 256, 256), 120, np.uint8), np.ones((256, 256), bool)
    archive.add(f"{KEY}/1.tif", make_cog(pixels, whole, (X, Y)), day=DAYS[0], frame_num="1")
    archive.add(f"{KEY}/2 ü.tif", make_cog(pixels, whole, (X + 512, Y)), day=DAYS[1], frame_num="2", date='<&>"é')
    return archive


def feature_info(layer: str, info_format: str) -> str:
    window = f"bbox={X},{Y - 512},{X + 1024},{Y}&width=200&height=100&x=150&y=50&srs=EPSG:3857&styles="
    words = f"layers={layer}&query_layers={layer}&info_format={info_format}&feature_count=10"
    return f"service=WMS&version=1.1.1&request=GetFeatureInfo&{words}&{window}"


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_owslib_reads_the_service(travis, mapserver, version: str) -> None:
    service = travis.service(title='Travis "USDA" & 1951')

    answer = mapserver.ask(render(service), f"service=WMS&version={version}&request=GetCapabilities")
    read = WebMapService("https://maps.example.org/", xml=answer.body, version=version)

    assert list(read.contents) == [service.map_name, service.service_name, service.index_name]
    assert read.identification.title == 'Travis "USDA" & 1951'
    layer = read[service.service_name]
    assert {"EPSG:3857", "EPSG:4326", "EPSG:26914"} <= set(read[service.map_name].crsOptions)
    assert layer.title == "Frame"
    assert not layer.queryable
    assert read[service.index_name].queryable
    assert read.getOperationByName("GetMap").formatOptions == ["image/png", "image/jpeg"]
    url = read.getOperationByName("GetMap").methods[0]["url"]
    assert url == "https://maps.example.org/wms/?map=/mapfiles/travis_usda_1951_frames.map&"
    assert "WARNING" not in answer.text


def test_first_box_is_the_map_extent_when_asked_in_version_1_0_0(travis, mapserver) -> None:
    service = travis.service()

    answer = mapserver.ask(render(service), "service=WMS&version=1.0.0&request=GetCapabilities")
    root = etree.fromstring(answer.body)
    box = next(root.iter("LatLonBoundingBox")).attrib

    west, south, east, north = transform_bounds("EPSG:3857", "EPSG:4326", *service.map_extent)
    assert root.attrib["version"] == "1.0.0"
    assert [float(box[side]) for side in ("minx", "miny", "maxx", "maxy")] == pytest.approx(
        [west, south, east, north], abs=1e-5
    )
    assert "WARNING" not in answer.text


@pytest.mark.parametrize("version", ["1.0.0", "1.1.1", "1.3.0"])
def test_map_is_drawn_when_a_client_leaves_out_the_styles(travis, mapserver, get_map, version: str) -> None:
    query = get_map(travis.name, (X, Y - 512, X + 1024, Y), (200, 100), version=version)

    answer = mapserver.ask(render(travis.service()), query.replace("&styles=", ""))

    assert tuple(answer.rgba[50, 50]) == (120, 120, 120, 255)


def test_map_is_compressed_with_less_effort_than_by_default(travis, mapserver, get_map) -> None:
    answer = mapserver.ask(render(travis.service()), get_map(travis.name, (X, Y - 512, X + 1024, Y), (200, 100)))

    start_of_pixels = answer.body.index(b"IDAT") + 4
    effort = answer.body[start_of_pixels + 1] >> 6
    assert effort == 1, "what zlib writes for its levels 2 to 5; 2 stands for its default"


@pytest.mark.parametrize("version", ["1.0.0", "1.1.1", "1.3.0"])
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326", "EPSG:26914"])
def test_map_is_transparent_outside_when_drawn(travis, mapserver, get_map, version: str, crs: str) -> None:
    service = travis.service()
    west, south, east, north = service.extent
    wide = (west - 1024, south - 512, east + 1024, north + 512)
    bounds = transform_bounds("EPSG:3857", crs, *wide)
    if version == "1.3.0" and crs == "EPSG:4326":
        bounds = (bounds[1], bounds[0], bounds[3], bounds[2])

    query = get_map(service.service_name, bounds, (256, 256), crs, version)
    drawn = mapserver.ask(render(service), query).rgba

    assert drawn[128, 128, 3] == 255
    assert drawn[128, 128, 0] == 120
    assert not drawn[[3, 3, -4, -4], [3, -4, 3, -4], 3].any()
    assert (drawn[..., 3] > 0).mean() == pytest.approx(1 / 9, rel=0.1)


def test_both_layers_are_drawn_when_the_map_itself_is_asked_for(travis, mapserver, get_map) -> None:
    service = travis.service()

    drawn = mapserver.ask(render(service), get_map(service.map_name, service.map_extent, (612, 356))).rgba
    colours = {tuple(pixel) for pixel in drawn.reshape(-1, 4)}

    assert (120, 120, 120, 255) in colours
    assert (100, 250, 100, 255) in colours


def test_only_outlines_are_drawn_when_the_footprints_are_asked_for(travis, mapserver, get_map) -> None:
    service = travis.service()

    drawn = mapserver.ask(render(service), get_map(service.index_name, service.map_extent, (612, 356))).rgba

    assert 0 < (drawn[..., 3] > 0).mean() < 0.05


def test_feature_info_is_text_when_asked_for_plain(travis, mapserver) -> None:
    answer = mapserver.ask(render(travis.service()), feature_info(f"{travis.name}_index", "text/plain"))

    assert answer.content_type.startswith("text/plain")
    assert "frame_num = '2'" in answer.text
    assert (
        "dl_georef = 'https://s3.example.org/cogmill-maps/bw/Travis/USDA_1951/frames/cog/2%20%C3%BC.tif'" in answer.text
    )
    assert "location" not in answer.text


def test_feature_info_is_gml_when_asked_for_it(travis, mapserver) -> None:
    answer = mapserver.ask(render(travis.service()), feature_info(f"{travis.name}_index", "application/vnd.ogc.gml"))

    feature = next(etree.fromstring(answer.body).iter(f"{travis.name}_index_feature"))

    assert feature.findtext("frame_num") == "2"
    assert feature.findtext("date") == '<&>"é'
    assert feature.find("location") is None


def test_feature_info_is_geojson_when_asked_for_it(travis, mapserver) -> None:
    answer = mapserver.ask(render(travis.service()), feature_info(f"{travis.name}_index", "application/json"))

    (feature,) = json.loads(answer.body)["features"]

    assert ",".join(feature["properties"]) == PUBLIC_ITEMS
    assert feature["properties"]["date"] == '<&>"é'


def tile_of(x: float, y: float, zoom: int) -> tuple[int, int]:
    count = 2**zoom
    return math.floor((x / HALF_WORLD_M + 1) / 2 * count), math.floor((1 - y / HALF_WORLD_M) / 2 * count)


@pytest.mark.parametrize("parameter", ["map.imagetype", "map_imagetype"])
def test_vector_tile_tells_the_public_items(travis, mapserver, parameter: str) -> None:
    column, row = tile_of(X + 600, Y - 100, 12)
    query = f"mode=tile&tilemode=gmap&tile={column}+{row}+12&layers=all&{parameter}=mvt"

    answer = mapserver.ask(render(travis.service()), query)
    layers = mapbox_vector_tile.decode(answer.body)

    assert answer.content_type == "application/vnd.mapbox-vector-tile"
    assert list(layers) == ["Travis_USDA_1951_frames_index"]
    properties = [feature["properties"] for feature in layers["Travis_USDA_1951_frames_index"]["features"]]
    assert sorted(one["frame_num"] for one in properties) == ["1", "2"]
    assert all(",".join(one) == PUBLIC_ITEMS for one in properties)
    assert properties[0]["dl_orig"].split("/")[5] == "Travis"


def test_picture_tile_is_transparent_outside(travis, mapserver) -> None:
    column, row = tile_of(X + 600, Y - 100, 13)
    query = f"mode=tile&tilemode=gmap&tile={column}+{row}+13&layers=Travis_USDA_1951_frames"

    alpha = mapserver.ask(render(travis.service()), query).rgba[..., 3]

    assert 0 < (alpha == 255).mean() < 0.2
    assert (alpha == 0).mean() > 0.8


@pytest.mark.parametrize(
    ("product", "name"),
    [
        (Product.FRAMES, "Travis_USDA_1951_frames"),
        (Product.INDEX, "Travis_USDA_1951_index"),
        (Product.MOSAIC, "USAF_M7_mosaic"),
    ],
)
def test_layers_are_named_after_the_product(travis, mapserver, product: Product, name: str) -> None:
    text = render(travis.service(service_name=name, product=product))

    answer = mapserver.ask(text, "service=WMS&version=1.3.0&request=GetCapabilities")

    names = list(WebMapService("https://m/", xml=answer.body, version="1.3.0").contents)
    assert names[1:] == [name, f"{name}_index"]


def test_only_frames_of_the_day_are_drawn_when_a_time_is_asked_for(travis, mapserver, get_map) -> None:
    service = travis.service(dates=DAYS)
    query = get_map(service.service_name, service.extent, (100, 50))

    one = mapserver.ask(render(service), f"{query}&time=1951-01-29").rgba
    both = mapserver.ask(render(service), f"{query}&time=1951-01-29/1951-03-22").rgba
    without = mapserver.ask(render(service), query).rgba
    capabilities = mapserver.ask(render(service), "service=WMS&version=1.3.0&request=GetCapabilities").text

    assert (one[25, 25, 3], one[25, 75, 3]) == (255, 0)
    assert np.all(both[..., 3] == 255)
    assert np.all(without[..., 3] == 255)
    assert capabilities.count('<Dimension name="time"') == 2


CLOSED = [
    "service=WFS&version=2.0.0&request=GetCapabilities",
    "service=WFS&version=1.1.0&request=GetFeature&typename=Travis_USDA_1951_frames_index",
    "service=WCS&version=2.0.1&request=GetCapabilities",
    "service=SOS&version=1.0.0&request=GetCapabilities",
    "service=WMS&version=1.1.1&request=GetStyles&layers=Travis_USDA_1951_frames_index",
    "service=WMS&version=1.1.1&request=DescribeLayer&layers=Travis_USDA_1951_frames_index",
    "mode=browse",
    "mode=map&layers=all",
    "mode=legend",
    "mode=query&mapxy=0+0",
    "mode=itemnquery&qlayer=Travis_USDA_1951_frames_index&qitem=roll&qstring='4'",
    "mode=featurenquery&slayer=Travis_USDA_1951_frames_index",
    "",
    "mode=tile&tilemode=gmap&tile=1+1+1&layers=all&map.imagetype=geojson",
    "mode=tile&tilemode=gmap&tile=1+1+1&layers=all&map.imagetype=svg",
]


@pytest.mark.parametrize("query", CLOSED)
def test_request_is_refused_when_a_picture_service_does_not_need_it(travis, mapserver, query: str) -> None:
    answer = mapserver.ask(render(travis.service()), query)

    assert not answer.content_type.startswith(("image/", "application/json", "application/vnd.mapbox"))
    assert "Exception" in answer.text or "MapServer Message" in answer.text
    assert "vsis3" not in answer.text


def test_style_of_a_stranger_is_ignored(travis, mapserver, get_map) -> None:
    service = travis.service()
    query = get_map(service.index_name, service.map_extent, (200, 100))
    style = (
        "<StyledLayerDescriptor version='1.0.0'><NamedLayer><Name>Travis_USDA_1951_frames_index</Name><UserStyle>"
        "<FeatureTypeStyle><Rule><PolygonSymbolizer><Fill/></PolygonSymbolizer></Rule></FeatureTypeStyle>"
        "</UserStyle></NamedLayer></StyledLayerDescriptor>"
    )

    plain = mapserver.ask(render(service), query)
    styled = mapserver.ask(render(service), f"{query}&SLD_BODY={style}")

    assert styled.body == plain.body or not styled.content_type.startswith("image/")


@pytest.mark.parametrize(
    "extra", ["map.layer[0].data=x", "map_web=x", "map.layer[Travis_USDA_1951_frames_index].connection=x"]
)
def test_mapfile_cannot_be_changed_by_a_request(travis, mapserver, get_map, extra: str) -> None:
    service = travis.service()
    query = get_map(service.service_name, service.extent, (64, 32))

    assert mapserver.ask(render(service), f"{query}&{extra}").body == mapserver.ask(render(service), query).body


def test_picture_is_refused_when_it_is_too_large(travis, mapserver, get_map) -> None:
    service = travis.service()

    answer = mapserver.ask(render(service), get_map(service.service_name, service.extent, (4097, 64)))

    assert not answer.content_type.startswith("image/")


def test_no_answer_tells_a_bucket_path_or_a_secret(travis, mapserver, get_map) -> None:
    service = travis.service(dates=DAYS)
    travis.store.delete(f"{KEY}/1.tif")
    column, row = tile_of(X + 600, Y - 100, 14)
    queries = [
        *(f"service=WMS&version={version}&request=GetCapabilities" for version in ("1.0.0", "1.1.1", "1.3.0")),
        *(feature_info(service.index_name, form) for form in ("text/plain", "application/vnd.ogc.gml")),
        feature_info(service.index_name, "application/json"),
        f"mode=tile&tilemode=gmap&tile={column}+{row}+14&layers=all&map.imagetype=mvt",
        get_map(service.service_name, service.extent, (64, 64)),
        "service=WMS&version=1.1.1&request=GetMap&layers=none",
    ]

    told = b"".join(mapserver.ask(render(service), query).body for query in queries)

    assert b"vsis3" not in told
    assert b"canary" not in told
    assert b"only-for-tests" not in told
    assert b"cogmill_reader" not in told


def test_tile_index_is_read_by_its_index_when_the_archive_is_large(postgis, archive) -> None:
    with postgis.connect() as connection:
        connection.execute(
            "INSERT INTO cogmill.tile_index SELECT n, '/vsis3/b/' || n, 'EPSG:3857', '', '', '', '', '', '',"
            " ST_MakeEnvelope(n % 1000, n % 977, n % 1000 + 1, n % 977 + 1, 3857), 'c' || n % 40, NULL, n"
            " FROM generate_series(1, 40000) n"
        )
        connection.execute("ANALYZE cogmill.tile_index")
        inner = "SELECT oid, location, geom FROM cogmill.tile_index WHERE collection_id = 'c7' ORDER BY location COLLATE \"C\""
        where = "ST_Intersects(geom, ST_MakeEnvelope(0, 0, 50, 50, 3857))"
        plan = connection.execute(f"EXPLAIN SELECT location::text FROM ({inner}) AS frames WHERE {where}").fetchall()  # noqa: S608

    assert "tile_index_geom" in str(plan)
    assert "Seq Scan" not in str(plan)
