"""The mapfile of one service. All escaping happens here; the template holds structure and placeholders only.

The mapfile names no host, no credential and no bucket: PostGIS is found by the libpq service `cogmill`, pixels by the
paths in the tile index, and both with the permissions of the MapServer process.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from cogmill.config.places import TEMPLATES
from cogmill.config.site import OUTPUT_CRS
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Product
from cogmill.mapserver import tile_facts
from cogmill.mapserver.escaping import metadata_lines, quoted, sql_literal
from cogmill.mapserver.titles import titles_of
from cogmill.overviews.grid import resolution

EXTENT_MARGIN_M = 100
"""Added on every side of the extent, in EPSG:3857 meters, so that outlines at the edge are drawn whole."""

MAX_SIZE_PX = 4096
"""Side of the largest map that is drawn."""

LAYER_NAME = r"(?!.*-_*-)[^\x00-\x1f\x7f,]{1,200}"
"""A comma separates names in a request. MapServer repeats odd names in an XML comment, which a double hyphen would end,
also one that appears only in the map's name, where underscores are left out."""

PUBLIC_ITEMS = "date,roll,frame_num,dl_orig,dl_georef,dl_index"
"""Columns that GetFeatureInfo and vector tiles show. Never `location`: bucket paths are nobody's business."""

WEB_METADATA = {
    "wms_enable_request": "GetCapabilities GetMap GetFeatureInfo GetLegendGraphic",
    # A style sheet or a filter of a stranger is the way in of most MapServer advisories, and a map of photographs needs none.
    "wms_sld_enabled": "false",
    # Many clients leave the parameter out, and there is only one style.
    "wms_allow_getmap_without_styles": "true",
    # By name, not by MIME type: clients of WMS 1.0.0 ask for `PNG`.
    "wms_getmap_formatlist": "png,jpeg",
    "wms_getfeatureinfo_formatlist": "text/plain,application/vnd.ogc.gml,application/json",
    "wms_feature_info_mime_type": "text/plain",
    # Vector and raster tiles stay; the old CGI modes with their query strings are closed.
    "ms_enable_modes": "!* tile",
}
"""Constant metadata of the map."""

# Columns are named one by one: with `*` a new column of the table would appear in every answer of every service.
DATA = (
    "geom FROM (SELECT oid, location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, acquired, geom"
    " FROM cogmill.tile_index WHERE collection_id = {collection_id}"
    ' ORDER BY location COLLATE "C") AS frames USING UNIQUE oid USING SRID=3857'
)
"""Frames are drawn in the byte order of their paths, as S3 lists them; the last one lies on top."""

TILES = (
    "geom FROM (SELECT oid, location, src_srs, acquired, all_days, geom FROM %rows%"
    ' ORDER BY place, location COLLATE "C") AS tiles USING UNIQUE oid USING SRID=3857'
)
"""What the raster layer is drawn from where a collection has overviews: these columns of the rows that the scale chooses."""

FRAME_ROWS = (
    "(SELECT oid, location, src_srs, acquired, all_days, geom, 0 AS place"
    " FROM cogmill.frames_on_map({collection_id}, !BOX!)) AS frames"
)
"""Frames, in the order of `DATA`, without those that others hide: overlapping photographs hide half of each other, and a map would
open every one of them."""

CELL_ROWS = (
    "(SELECT oid, location, src_srs, acquired, all_days, geom, coalesce(acquired - date '1800-01-01', 0) AS place"
    " FROM cogmill.overview WHERE collection_id = {collection_id} AND level = {level}) AS cells"
)
"""Cells of one level; where days lie over each other the latest lies on top, as it does among frames named by their day."""

INCHES_PER_M, DOTS_PER_INCH = 39.3701, 72
"""With which MapServer turns meters per pixel into a scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """All that a mapfile depends on. Any text is allowed in names and titles; none of it reaches MapServer unescaped."""

    collection_id: str
    service_name: str
    """Name of the raster layer, case kept; the footprint layer adds `_index`."""
    title: str
    product: Product
    extent: Bounds3857
    """Bounds of all footprints, without margin."""
    online_resource: str
    """Public address of the service up to and including `&`; see `urls.service_url`."""
    dates: tuple[dt.date, dt.date] | None = None
    """First and last day of the frames; None unless they are known to the day, then clients may ask for a time."""
    srs: tuple[str, ...] = OUTPUT_CRS
    language: str = "en"
    """Of the titles of its layers."""
    facts: tuple[tuple[str, str], ...] = ()
    """Metadata and values that the site states, see `stated_facts`."""
    overview_levels: tuple[int, ...] = ()
    """Zooms of the XYZ grid at which the collection has overviews, finest first."""

    def __post_init__(self) -> None:
        if not re.fullmatch(LAYER_NAME, self.service_name):
            rule = "a layer name has 1 to 200 characters and no comma, control character or double hyphen"
            raise ValueError(f"{rule}: {self.service_name!r}")
        wrong = [code for code in self.srs if not re.fullmatch(r"[A-Z]{3,9}:[0-9]{2,7}", code)]
        if wrong or not self.srs:
            raise ValueError(f"a coordinate system is written like EPSG:4326: {wrong}")

    @property
    def index_name(self) -> str:
        """Name of the footprint layer, and of the layer in vector tiles."""
        return f"{self.service_name}_index"

    @property
    def tiles_name(self) -> str:
        """Name of the hidden layer that the raster layer is drawn from where there are overviews."""
        return f"{self.service_name}_tiles"

    @property
    def map_name(self) -> str:
        """Name of the whole map; asking for it draws both layers.

        It must not equal a layer name in any spelling, or QGIS and Esri clients would draw both when asked for one.
        """
        name = self.service_name.upper().replace("_", "")
        taken = {self.service_name.upper(), self.index_name.upper()}
        return f"{name}MAP" if name in taken else name

    @property
    def map_extent(self) -> tuple[int, int, int, int]:
        """West, south, east, north in whole meters, with margin."""
        lower = (math.floor(self.extent.west) - EXTENT_MARGIN_M, math.floor(self.extent.south) - EXTENT_MARGIN_M)
        return (*lower, math.ceil(self.extent.east) + EXTENT_MARGIN_M, math.ceil(self.extent.north) + EXTENT_MARGIN_M)


def render(service: Service) -> str:
    """Return the mapfile of a service. Equal services give equal text.

    The text works on MapServer 8.0 and 8.4.
    """
    draft = _filled(service, "")
    return _filled(service, hashlib.sha256(draft.encode()).hexdigest()[:12])


def _filled(service: Service, digest: str) -> str:
    """Return the text; `digest` stands for all the rest of it in what the web server is told."""
    raster_title, index_title, _ = titles_of(service.product, service.language)
    return _template().render(
        map_name=quoted(service.map_name),
        raster_name=quoted(service.service_name),
        index_name=quoted(service.index_name),
        tile_index=quoted(service.tiles_name if service.overview_levels else service.index_name),
        tile_data=quoted(TILES),
        frame_rows=quoted(FRAME_ROWS.format(collection_id=sql_literal(service.collection_id))),
        class_name=quoted(index_title),
        extent=" ".join(map(str, service.map_extent)),
        max_size=MAX_SIZE_PX,
        data=quoted(DATA.format(collection_id=sql_literal(service.collection_id))),
        web_metadata=metadata_lines(_web_metadata(service)),
        raster_metadata=metadata_lines({"wms_title": raster_title, **_time_metadata(service)}),
        index_metadata=metadata_lines({"wms_title": index_title, **_item_metadata(), **_time_metadata(service)}),
        levels=[_level(service, level) for level in service.overview_levels],
        facts_name=quoted(tile_facts.LAYER),
        facts_data=quoted(tile_facts.data(service.collection_id, service.service_name, digest)),
    )


@cache
def _template() -> Template:
    """Return the template of the mapfile, read once per process."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(),  # HTML rules would spoil a mapfile; `quoted` escapes by MapServer's
        keep_trailing_newline=True,
    )
    return environment.get_template("service.map.j2")


def _web_metadata(service: Service) -> dict[str, str]:
    """Return the metadata of the map."""
    return {
        "wms_title": service.title,
        "wms_abstract": f"Historical aerial photographs: {service.title}.",
        **dict(service.facts),
        "wms_onlineresource": service.online_resource,
        "wms_srs": " ".join(service.srs),
        **WEB_METADATA,
    }


def _level(service: Service, level: int) -> dict[str, str]:
    """Return what the template says about one level of overviews.

    A level is drawn from the scale at which a pixel of the picture is as large as one of the level.
    """
    pixel_m = resolution(level)
    rows = CELL_ROWS.format(collection_id=sql_literal(service.collection_id), level=level)
    return {"scale": quoted(f"{pixel_m * INCHES_PER_M * DOTS_PER_INCH:.0f}"), "rows": quoted(rows)}


def _item_metadata() -> dict[str, str]:
    """Return the metadata that says which columns are public."""
    return {"gml_include_items": PUBLIC_ITEMS, "wms_include_items": PUBLIC_ITEMS}


def _time_metadata(service: Service) -> dict[str, str]:
    """Return the metadata of the time dimension; none when the days are not known."""
    if service.dates is None:
        return {}
    first, last = service.dates
    return {"wms_timeitem": "acquired", "wms_timeextent": f"{first.isoformat()}/{last.isoformat()}"}
