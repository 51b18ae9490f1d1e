"""Titles of services and layers, by language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cogmill.config.collection_files import CollectionConfig
from cogmill.config.site import Site
from cogmill.domain.model import Collection, Product


class ProductTitles(NamedTuple):
    """What a product is called."""

    raster: str
    """Title of the raster layer."""
    footprints: str
    """Title of the footprint layer."""
    service: str
    """Last word of a service's title."""


_ENGLISH = {
    Product.FRAMES: ProductTitles("Frame", "Frame Boundary", "Frames"),
    Product.INDEX: ProductTitles("Index Sheet", "Index Sheet Boundary", "Index"),
    Product.MOSAIC: ProductTitles("Mosaic", "Mosaic Boundary", "Mosaic"),
}

_LANGUAGES: Mapping[str, Mapping[Product, ProductTitles]] = {
    "en": _ENGLISH,
    "de": {
        Product.FRAMES: ProductTitles("Luftbild", "Umriss der Luftbilder", "Luftbilder"),
        Product.INDEX: ProductTitles("Bildübersicht", "Umriss der Bildübersichten", "Bildübersichten"),
        Product.MOSAIC: ProductTitles("Bildplan", "Umriss der Bildpläne", "Bildpläne"),
    },
}


def titles_of(product: Product, language: str = "en") -> ProductTitles:
    """Return what a product is called in a language, such as `de` or `de-AT`; in English where there is no translation."""
    return _LANGUAGES.get(language.partition("-")[0].lower(), _ENGLISH)[product]


def service_title(collection: Collection, language: str = "en") -> str:
    """Return the default title of a service in a language; agencies keep their case.

    >>> service_title(Collection("Travis", "TxDOT", "1985", Product.FRAMES))
    'Travis TxDOT 1985 Frames'
    """
    parts = [
        *filter(None, collection.folder.split("/")),
        collection.agency,
        collection.year,
        titles_of(collection.product, language).service,
    ]
    return " ".join(parts)


def collection_title(collection: Collection, config: CollectionConfig | None, site: Site) -> str:
    """Return the title that a collection declares in its file, else the usual one in the language of the site."""
    return config.title if config and config.title else service_title(collection, site.language)
