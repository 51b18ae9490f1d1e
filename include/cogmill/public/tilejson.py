"""TileJSON: `catalog/<id>/tiles.json` of a collection, `catalog/archive/<year>/tiles.json` of a year.

It is version 2.2.0, which every client of pictures reads; 3.0.0 is for vector tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from cogmill.config.site import Site
from cogmill.domain import public_keys
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public import tiled_layers
from cogmill.public.document import JSON, Document, readable_json
from cogmill.public.facts import DECIMALS, CollectionFacts, PublishedFrame
from cogmill.public.services_list import CatalogEntry
from cogmill.public.tiled_layers import TiledLayer


def collection_documents(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Iterator[Document]:
    """Yield the TileJSON of a collection."""
    del frames
    yield _document(public_keys.tilejson_key(facts.collection.id), tiled_layers.of_collection(facts))


def archive_documents(site: Site, addresses: ArchiveAddresses, entries: Sequence[CatalogEntry]) -> Iterator[Document]:
    """Yield the TileJSON of each year."""
    for layer in tiled_layers.of_years(site, addresses, entries):
        yield _document(public_keys.archive_tilejson_key(layer.id.rpartition("_")[2]), layer)


def _document(key: str, layer: TiledLayer) -> Document:
    bounds = [round(edge, DECIMALS) for edge in layer.bounds]
    longitude, latitude = (round(degrees, DECIMALS) for degrees in layer.bounds.center)
    said = {
        "tilejson": "2.2.0",
        "name": layer.title,
        "description": layer.abstract,
        "attribution": escape(layer.credit or ""),  # clients show it as HTML
        "scheme": "xyz",
        "tiles": [layer.png],
        "minzoom": layer.min_zoom,
        "maxzoom": layer.max_zoom,
        "bounds": bounds,
        "center": [longitude, latitude, max(layer.min_zoom, min(layer.max_zoom, 12))],
    }
    return Document(key, readable_json({name: value for name, value in said.items() if value != ""}), JSON)
