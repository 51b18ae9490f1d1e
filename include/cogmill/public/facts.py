"""What all static files say about a published collection and its photographs: from the ledger, the site and the collection's file."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.config.site import Site
from cogmill.domain.geo import Bounds3857, Bounds4326
from cogmill.domain.model import Bands, Collection
from cogmill.mapserver.urls import CollectionAddresses

DECIMALS = 7
"""Digits of a degree: about a centimeter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFrame:
    """One photograph that is on the map, as the tile index and the ledger know it."""

    bands: Bands
    stem: str
    """File name of the upload without its extension; with the bands folder unique in its collection, and stable for ever."""
    date: str
    """As written in the file name; `N/A` or `MULTIPLE` where it tells none."""
    roll: str
    frame_num: str
    acquired: tuple[dt.date, dt.date] | None
    """First and last possible day, inclusive; None when no year is known."""
    uploaded_at: dt.datetime
    """When its upload was stored, by the store's clock; a rebuilt ledger has the same."""
    cog_key: str
    cog_size: int | None
    """Bytes; None where the ledger no longer knows them."""
    cog_sha256: str | None
    width: int | None
    """Pixels of the COG."""
    height: int | None
    gsd_m: float | None
    """Size of a pixel in EPSG:3857 meters."""
    transform: tuple[float, ...] | None
    """Coefficients a to f of the affine transform of the COG's pixels, see `BuiltCog`; None while the ledger has not read them."""
    texts: Mapping[str, str] | None = None
    """What the upload says of itself, see `BuiltCog`; None when it says nothing."""
    source_crs: str | None
    """CRS of the upload, such as `EPSG:26914`."""
    adjustments: str | None = None
    """How it was placed or treated otherwise than its file and profile say, in words with blanks between; None for most."""
    shift_accuracy_m: float | None = None
    """Accuracy in meters that its datum shift claims, 0 where the datum stayed; None where it is not known."""
    scan_key: str | None
    """Key of the raw scan; None when there is none."""
    scan_size: int | None
    bounds_3857: Bounds3857
    """Rectangle around its valid pixels."""
    outline_wkb: bytes
    """Outline of its valid pixels: one polygon, longitude and latitude in degrees, well-known binary."""

    def digest(self, common: str) -> str:
        """Return a digest of all that is known of the photograph and of `common`, the same in each process."""
        return hashlib.blake2b(repr((common, _values(self))).encode(), digest_size=16).hexdigest()


_values = attrgetter(*(field.name for field in fields(PublishedFrame)))
"""All fields, in their order."""


def polygons(frames: Sequence[PublishedFrame]) -> NDArray[np.object_]:
    """Return outlines, shape (frames,): longitude and latitude, rounded, exterior rings counter-clockwise."""
    outlines = shapely.from_wkb([frame.outline_wkb for frame in frames])
    rounded = shapely.transform(outlines, lambda xy: np.round(xy, DECIMALS))
    oriented: NDArray[np.object_] = shapely.orient_polygons(rounded)
    return oriented


def acquired_text(acquired: tuple[dt.date, dt.date] | None) -> str | None:
    """Return first and last possible day as EDTF and ISO 8601 have it: a day, a year, or an interval of either.

    >>> acquired_text((dt.date(1951, 3, 22), dt.date(1951, 3, 22)))
    '1951-03-22'
    >>> acquired_text((dt.date(1937, 1, 1), dt.date(1938, 12, 31)))
    '1937/1938'
    """
    if acquired is None:
        return None
    first, last = acquired
    whole_years = (first.month, first.day, last.month, last.day) == (1, 1, 12, 31)
    texts = (f"{first.year:04}", f"{last.year:04}") if whole_years else (first.isoformat(), last.isoformat())
    return texts[0] if texts[0] == texts[1] else "/".join(texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFacts:
    """What is true of one published collection. The same revision gives the same facts, in a rebuilt ledger too but for `revision`."""

    collection: Collection
    title: str
    abstract: str
    frames: int
    """Photographs on the map."""
    bands: tuple[Bands, ...]
    """Bands folders that have some."""
    bounds: Bounds4326
    """Rectangle around all photographs, in degrees."""
    bounds_3857: Bounds3857
    """The same in EPSG:3857 meters."""
    days: tuple[dt.date, dt.date] | None
    """First and last possible day of all photographs; None when no name tells a year."""
    every_year: tuple[int, ...] = ()
    """Years of which there are photographs, in their order; without those of which only a range of years is known."""
    undated: bool
    """Some photograph's day is not known exactly."""
    scans: int
    """Photographs whose raw scan can be downloaded."""
    lone_scans: int = 0
    """Raw scans that no photograph on the map goes with; they have a page of their own when there are some."""
    cog_bytes: int
    """Sum of the sizes of all COGs."""
    gsd_m: float | None
    """Pixel size of the finest COG, in EPSG:3857 meters; None where the ledger knows none."""
    updated: dt.datetime
    """When the newest of its uploads was stored."""
    revision: int
    """Of its tile index. Not for documents: a rebuilt ledger counts anew."""
    site: Site
    """Facts of the site, with those that the collection states for itself in their place."""
    addresses: CollectionAddresses

    @property
    def years(self) -> tuple[int, int] | None:
        """First and last year of the photographs; None when no name tells it."""
        return (self.days[0].year, self.days[1].year) if self.days else None

    @property
    def years_text(self) -> str:
        """Years in words: `1951`, `1937-1938` with a longer dash, or nothing."""
        if self.years is None:
            return ""
        first, last = self.years
        return str(first) if first == last else f"{first}\N{EN DASH}{last}"

    @property
    def citation(self) -> str:
        """How to cite the collection."""
        pattern = self.site.citation or (
            "{organization}: {title}. {url}" if self.site.organization else "{title}. {url}"
        )
        parts = {
            "title": self.title,
            "organization": self.site.organization or "",
            "years": self.years_text,
            "url": self.addresses.collection_page,
        }
        return re.sub(r"\{(\w+)\}", lambda found: parts.get(found[1], found[0]), pattern)
