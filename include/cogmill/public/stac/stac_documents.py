"""The files of the STAC catalog: those of one collection, and the root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cogmill.config.site import Site
from cogmill.domain.public_keys import STAC_ROOT, STAC_SCANS, stac_collection_key
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.document import Document
from cogmill.public.facts import CollectionFacts, PublishedFrame, polygons
from cogmill.public.services_list import CatalogEntry
from cogmill.public.stac.item import geometries, items
from cogmill.public.stac.item_table import item_table
from cogmill.public.stac.stac_collection import stac_collection
from cogmill.public.stac.stac_links import (
    GEOJSON,
    HTML,
    JSON,
    PARQUET,
    PROJECTION,
    PROJECTION_1,
    ROOT_ID,
    VERSION,
    Json,
    item_key,
    items_key,
    link,
    root_link,
    stac_json,
    table_key,
)

JSON_ITEMS = 1_000
"""Most photographs of a collection whose items are there as JSON too, one file each.

A client that reads JSON asks for one file after the other: a thousand take it a minute. More would take it as much longer, for what the
GeoParquet says in one request, and would cost the archive a file for each photograph.
"""


def collection_documents(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Iterator[Document]:
    """Yield the files of one collection: itself, its items as GeoParquet, and as JSON where they are few."""
    has_items = len(frames) <= JSON_ITEMS
    collection = stac_collection(facts, frames, has_items=has_items)
    collection_id = facts.collection.id
    yield Document(table_key(collection_id), item_table(facts, frames, collection), PARQUET)
    listed: list[Json] = []
    if has_items:
        made = list(_items(facts, frames))
        yield from (Document(key, stac_json(item), GEOJSON) for key, item in made)
        yield Document(items_key(collection_id), _item_collection(facts, [item for _, item in made]), GEOJSON)
        listed = [link("item", facts.addresses.object(key), GEOJSON, item["properties"]["title"]) for key, item in made]
    yield Document(
        stac_collection_key(collection_id), stac_json({**collection, "links": collection["links"] + listed}), JSON
    )


def archive_documents(site: Site, addresses: ArchiveAddresses, entries: Sequence[CatalogEntry]) -> Iterator[Document]:
    """Yield the root of the catalog, which lists all collections."""
    described = site.abstract or site.title
    catalog = {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": ROOT_ID,
        "title": site.title,
        "description": described,
        "links": [
            root_link(addresses),
            link("self", addresses.stac_root, JSON),
            link("via", addresses.page, HTML, "List of all collections"),
            link("child", addresses.object(STAC_SCANS), JSON, "Scans without a position"),
            *(link("child", addresses.of(entry.id).stac, JSON, entry.title) for entry in entries),
        ],
    }
    yield Document(STAC_ROOT, stac_json(catalog), JSON)


def _items(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Iterator[tuple[str, Json]]:
    """Yield the key and the whole item of each photograph."""
    outlines = polygons(frames)
    made = zip(frames, items(facts, frames, outlines), geometries(outlines), strict=True)
    for frame, item, geometry in made:
        key = item_key(facts.collection.id, frame.bands, frame.stem)
        own = link("self", facts.addresses.object(key), GEOJSON)
        yield key, {**item, "geometry": geometry, "links": [own, *item["links"]]}


def _item_collection(facts: CollectionFacts, whole: Sequence[Json]) -> bytes:
    """Return items as one GeoJSON file, which GDAL opens as one picture (STACIT).

    GDAL before 3.10.2 does not know `proj:code`, so here the items follow the last version of the extension that has `proj:epsg` too.
    """
    links = [link("self", facts.addresses.object(items_key(facts.collection.id)), GEOJSON)]
    features = [_for_older_readers(item) for item in whole]
    return stac_json({"type": "FeatureCollection", "stac_version": VERSION, "links": links, "features": features})


def _for_older_readers(item: Json) -> Json:
    extensions = [PROJECTION_1 if extension == PROJECTION else extension for extension in item["stac_extensions"]]
    cog = {**item["assets"]["cog"], "proj:epsg": 3857}
    return {**item, "stac_extensions": extensions, "assets": {**item["assets"], "cog": cog}}
