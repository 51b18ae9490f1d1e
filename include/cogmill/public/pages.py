"""Pages of a collection and of its photographs, for people and, by JSON-LD, for search engines. No scripts, everything escaped."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

import cogmill
from cogmill.config.page_words import PageWords, words_file, words_of
from cogmill.config.places import TEMPLATES, VIEWER
from cogmill.domain import keys, public_keys
from cogmill.domain.geo import Bounds4326
from cogmill.domain.layout import layout_in_use
from cogmill.overviews.grid import resolution
from cogmill.public.document import HTML, Document
from cogmill.public.facts import CollectionFacts, PublishedFrame, acquired_text

MEGABYTE = 1_000_000

VIEW_PX = 600
"""Pixels across which the viewer shows a whole collection."""


def template(name: str, language: str) -> Template:
    """Return a template of pages with the words of a language; in English where there is no translation."""
    return _environment(language).get_template(name)


@cache
def _environment(language: str) -> Environment:
    """Return the templates of pages, each read once per process and language; whatever is put into one is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = words_of(language)
    environment.globals |= {"_": words, "numeral": words.numeral, "megabytes": partial(megabytes, words=words)}
    environment.globals |= {"folder_of": lambda kind: layout_in_use().folder_of(kind)}
    return environment


def megabytes(size: int | None, words: PageWords) -> str:
    """Return a number of bytes in words.

    >>> [megabytes(size, PageWords()) for size in (12_345_678, 400, 2_500_000_000, None)]
    ['12.3 MB', 'under 0.1 MB', '2.5 GB', 'file']
    """
    if size is None:
        return words.plain("file")
    if size < MEGABYTE / 10:
        return words.plain("under 0.1 MB")
    in_gigabytes = size >= 1000 * MEGABYTE
    return words.numeral(f"{size / 1000 / MEGABYTE:.1f} GB" if in_gigabytes else f"{size / MEGABYTE:.1f} MB")


def has_viewer() -> bool:
    """Tell whether the viewer has been built, so that pages may lead to it."""
    return (VIEWER / "index.html").is_file()


def viewer_link(facts: CollectionFacts) -> str:
    """Return the address of a view of the whole collection, in its first year; empty where no viewer has been built."""
    if not has_viewer():
        return ""
    longitude, latitude = facts.bounds.center
    longer_m = max(facts.bounds_3857.width, facts.bounds_3857.height, 1.0)
    zoom = min(17.0, max(3.0, math.log2(resolution(0) * VIEW_PX / longer_m)))
    year = f"&year={facts.years[0]}" if facts.years else ""
    return f"{facts.addresses.viewer}?c={longitude:.5f},{latitude:.5f}&z={zoom:.1f}{year}"


def collection_documents(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Iterator[Document]:
    """Yield the page of each photograph, the list of them, and the page of the collection, which leads to them, last."""
    constant, common = _constant_parts(facts), _common_digest(facts)
    collection_id, language = facts.collection.id, facts.site.language
    words = words_of(language)
    for frame in frames:
        key = public_keys.photograph_page(collection_id, frame.bands, frame.stem)
        yield Document(key, partial(_photograph_page, facts, constant, frame), HTML, made_of=frame.digest(common))
    listed = template("photographs.html.j2", language).render(
        facts=facts,
        site=facts.site,
        a=facts.addresses,
        taken=partial(taken, words=words),
        rows=(_row(facts, frame) for frame in frames),
    )
    yield Document(public_keys.photograph_list(collection_id), listed.encode(), HTML)
    yield Document(public_keys.collection_page(facts.collection.id), _collection_page(facts), HTML)


def _row(facts: CollectionFacts, frame: PublishedFrame) -> tuple[PublishedFrame, str, str, str, str | None]:
    """Return a photograph, the addresses of its page and its COG, the COG's size in words, and the scan's address, where it has one."""
    addresses = facts.addresses
    page, cog = addresses.photograph(frame.bands, frame.stem), addresses.object(frame.cog_key)
    size = megabytes(frame.cog_size, words_of(facts.site.language))
    return frame, page, cog, size, addresses.object(frame.scan_key) if frame.scan_key else None


def _collection_page(facts: CollectionFacts) -> bytes:
    addresses, folder = facts.addresses, public_keys.collection_folder(facts.collection.id)
    west, south, east, north = facts.bounds
    # `{zoom}` is what OpenStreetMap's editors write for `{z}`
    tiles = addresses.tiles.replace("{z}", "{zoom}")
    shapefiles = {bands: addresses.object(keys.index_zip_key(facts.collection, bands)) for bands in facts.bands}
    words = words_of(facts.site.language)
    text = template("collection.html.j2", facts.site.language).render(
        facts=facts,
        site=facts.site,
        a=addresses,
        json_ld=_dataset(facts),
        viewer=viewer_link(facts),
        taken=taken(facts.days, words),
        extent=extent_text(facts.bounds),
        pixel=words("about {meters} m", meters=words.numeral(f"{facts.bounds_3857.ground_m(facts.gsd_m):.2g}"))
        if facts.gsd_m
        else "",
        size=megabytes(facts.cog_bytes, words),
        shapefiles=shapefiles,
        qlr=addresses.object(f"{folder}{facts.collection.id}.qlr"),
        eli=addresses.object(f"{folder}editor-layer-index.geojson"),
        geojson=addresses.object(f"{folder}photographs.geojson"),
        cogs=addresses.object(f"{folder}cogs.txt"),
        photographs=addresses.object(public_keys.photograph_list(facts.collection.id)),
        lone_scans=addresses.object(public_keys.scans_page(facts.collection.id)),
        id_link=f"https://www.openstreetmap.org/edit?editor=id#map=14/{(south + north) / 2:.5f}/{(west + east) / 2:.5f}"
        f"&background=custom:{quote(tiles, safe='')}",
        josm_link="http://127.0.0.1:8111/imagery?"
        f"title={quote(facts.title, safe='')}&type=tms&url={quote(tiles, safe='')}",
    )
    return text.encode()


def taken(days: tuple[dt.date, dt.date] | None, words: PageWords) -> str:
    """Return the first and last day in words: the day, the year, or from when to when; nothing when no year is known.

    >>> taken((dt.date(1951, 1, 1), dt.date(1951, 12, 31)), PageWords()), taken((dt.date(1951, 3, 22), dt.date(1951, 3, 23)), PageWords())
    ('1951', '1951-03-22 to 1951-03-23')
    """
    first, _, last = (acquired_text(days) or "").partition("/")
    return words.plain("{first} to {last}", first=first, last=last) if last else first


def extent_text(bounds: Bounds4326) -> str:
    """Return bounds in degrees as people read them."""
    return ", ".join(f"{edge:.4f}°" for edge in bounds)


def _constant_parts(facts: CollectionFacts) -> dict[str, Any]:
    """Return what the pages of all photographs of a collection have in common, escaped once instead of ten thousand times."""
    parts = template("photograph_parts.html.j2", facts.site.language).make_module(
        {"facts": facts, "site": facts.site, "a": facts.addresses}
    )
    return {name: getattr(parts, name) for name in ("trail", "license", "title", "language")}


def _common_digest(facts: CollectionFacts) -> str:
    """Return a digest of all that decides what the pages of photographs say, but for the photographs: facts, templates and this code.

    Of `facts`, these pages may use nothing else.
    """
    files = [TEMPLATES / "photograph.html.j2", TEMPLATES / "photograph_parts.html.j2", Path(__file__)]
    files += filter(None, [words_file(facts.site.language)])
    said = repr((cogmill.__version__, facts.collection.id, facts.title, facts.site, facts.addresses))
    return hashlib.sha256(b"".join([said.encode(), *(file.read_bytes() for file in files)])).hexdigest()


def _photograph_page(facts: CollectionFacts, constant: dict[str, Any], frame: PublishedFrame) -> bytes:
    return template("photograph.html.j2", facts.site.language).render(constant | _photograph(facts, frame)).encode()


def _photograph(facts: CollectionFacts, frame: PublishedFrame) -> dict[str, Any]:
    """Return what the page of a photograph says."""
    addresses = facts.addresses
    bounds, cog = frame.bounds_3857.to_4326(), addresses.object(frame.cog_key)
    address = addresses.photograph(frame.bands, frame.stem)
    json_ld = {
        "@context": "https://schema.org",
        "@type": "ImageObject",
        "name": f"{facts.title}: {frame.stem}",
        "url": address,
        "contentUrl": cog,
        "encodingFormat": "image/tiff; application=geotiff; profile=cloud-optimized",
        "isPartOf": {"@type": "Dataset", "name": facts.title, "url": addresses.collection_page},
        **({"license": facts.site.license.url} if facts.site.license else {}),
        **({"creditText": facts.site.credit} if facts.site.credit else {}),
        **_temporal("contentLocation", bounds, frame.acquired),
    }
    scan = addresses.object(frame.scan_key) if frame.scan_key else None
    language = words_of(facts.site.language)
    words = {"taken": taken(frame.acquired, language) or frame.date, "extent": extent_text(bounds)}
    return {"frame": frame, "address": address, "cog": cog, "scan": scan, "json_ld": json_ld, **words}


def _dataset(facts: CollectionFacts) -> dict[str, Any]:
    """Return a collection in the words of schema.org."""
    addresses, site = facts.addresses, facts.site
    downloads = {
        "WMS": (addresses.capabilities, "application/vnd.ogc.wms_xml"),
        "STAC": (addresses.stac, "application/json"),
        "Tiles": (addresses.tilejson, "application/json"),
    }
    about: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "@id": addresses.collection_page,
        "url": addresses.collection_page,
        "identifier": facts.collection.id,
        "name": facts.title,
        "description": facts.abstract,
        "keywords": list(site.keywords),
        "inLanguage": site.language,
        "isAccessibleForFree": True,
        "thumbnailUrl": addresses.thumbnail(),
        "dateModified": facts.updated.isoformat(),
        "citation": facts.citation,
        "includedInDataCatalog": {"@type": "DataCatalog", "name": site.title, "url": addresses.page},
        "distribution": [
            {"@type": "DataDownload", "name": name, "contentUrl": url, "encodingFormat": kind}
            for name, (url, kind) in downloads.items()
        ],
        **_terms(facts),
        **_temporal("spatialCoverage", facts.bounds, facts.days),
    }
    return about


def _terms(facts: CollectionFacts) -> dict[str, Any]:
    """Return license and source as far as they are stated."""
    site = facts.site
    terms: dict[str, Any] = {}
    if site.license:
        terms["license"] = site.license.url
    if site.credit:
        terms["creditText"] = site.credit
    if site.organization:
        who = {"@type": "Organization", "name": site.organization}
        who |= {"url": site.organization_url} if site.organization_url else {}
        terms |= {"creator": who, "publisher": who}
    return terms


def _temporal(place: str, bounds: Bounds4326, days: tuple[dt.date, dt.date] | None) -> dict[str, Any]:
    """Return where and when; schema.org writes a box as south, west, north, east."""
    box = f"{bounds.south:.6f} {bounds.west:.6f} {bounds.north:.6f} {bounds.east:.6f}"
    where = {place: {"@type": "Place", "geo": {"@type": "GeoShape", "box": box}}}
    return where | ({"temporalCoverage": f"{days[0].isoformat()}/{days[1].isoformat()}"} if days else {})
