"""Layers that are offered as tiles: collections, and all photographs of a year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cogmill.config.site import Site
from cogmill.domain.geo import Bounds3857, Bounds4326
from cogmill.domain.model import Product
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.facts import CollectionFacts
from cogmill.public.services_list import CatalogEntry
from cogmill.public.tile_grid import finest_zoom, first_zoom


@dataclass(frozen=True, slots=True, kw_only=True)
class TiledLayer:
    """What clients of tiles are told of one layer. Any text is allowed; who writes it into a document escapes it."""

    id: str
    title: str
    abstract: str
    credit: str | None
    """What a map that shows it has to say."""
    bounds: Bounds4326
    min_zoom: int
    max_zoom: int
    png: str
    """Address of its tiles, with `{z}`, `{x}` and `{y}` in the places of their numbers."""

    @property
    def jpg(self) -> str:
        """The same of tiles without transparency."""
        return self.png.removesuffix(".png") + ".jpg"


def of_collection(facts: CollectionFacts) -> TiledLayer:
    """Return the layer of a collection."""
    return TiledLayer(
        id=facts.collection.id,
        title=facts.title,
        abstract=facts.abstract,
        credit=facts.site.credit,
        bounds=facts.bounds,
        min_zoom=0,
        max_zoom=finest_zoom(facts.gsd_m),
        png=facts.addresses.tiles,
    )


def of_entry(entry: CatalogEntry) -> TiledLayer:
    """Return the layer of a collection as the list of services knows it."""
    return TiledLayer(
        id=entry.id,
        title=entry.title,
        abstract="",
        credit=entry.attribution,
        bounds=entry.extent_4326,
        min_zoom=0,
        max_zoom=entry.max_zoom,
        png=entry.tiles,
    )


def of_years(site: Site, addresses: ArchiveAddresses, entries: Sequence[CatalogEntry]) -> Iterator[TiledLayer]:
    """Yield the layer of each year that has photographs, in their order; sheets of an index are none."""
    years: dict[int, list[CatalogEntry]] = defaultdict(list)
    for entry in entries:
        for year in entry.every_year if entry.product != Product.INDEX else ():
            years[year].append(entry)
    for year, found in sorted(years.items()):
        edges = list(zip(*(entry.extent_3857 for entry in found), strict=True))
        bounds = Bounds3857(min(edges[0]), min(edges[1]), max(edges[2]), max(edges[3]))
        yield TiledLayer(
            id=f"archive_{year}",
            title=f"{site.title}, {year}",
            abstract=f"All photographs of {year}.",
            credit=site.credit,
            bounds=bounds.to_4326(),
            min_zoom=first_zoom([entry.extent_3857 for entry in found]),
            max_zoom=max(entry.max_zoom for entry in found),
            png=addresses.tiles_of_year(year),
        )
