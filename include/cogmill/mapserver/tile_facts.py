"""What a mapfile tells the web server of a map host, so that it knows which tiles it need not have drawn.

The web server asks for one row, by GetFeatureInfo: see `map_tiles.lua` of the role mapserver. So a host needs nothing but mapfiles.
"""

from __future__ import annotations

from urllib.parse import quote

from cogmill.mapserver.escaping import sql_literal

LAYER = "facts"
"""The hidden layer of that row. No raster layer has such a name, for those are made of several parts."""

DATA = (
    "geom FROM (SELECT 1 AS oid, {layer} AS layer, {digest} AS digest, facts.*"
    " FROM cogmill.tiles_of_collection({collection_id}) AS facts) AS one USING UNIQUE oid USING SRID=3857"
)


def data(collection_id: str, raster_layer: str, digest: str) -> str:
    """Return the layer's data.

    Args:
        collection_id: Whose public version, bounds and zooms the row tells, as the ledger knows them.
        raster_layer: Name of the raster layer; the row has it as it stands in an address.
        digest: Stands for all the rest of the mapfile.
    """
    layer = sql_literal(quote(raster_layer, safe=""))
    return DATA.format(layer=layer, digest=sql_literal(digest), collection_id=sql_literal(collection_id))
