"""What static files say about the raw scans of a collection that no georeferenced frame goes with."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from cogmill.config.page_words import words_of
from cogmill.config.site import Site
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import Bands, Collection
from cogmill.mapserver.urls import CollectionAddresses


@dataclass(frozen=True, slots=True, kw_only=True)
class LoneScan:
    """One raw scan. What its name does not tell is None."""

    bands: Bands
    stem: str
    """File name without its extension; with the bands folder unique in its collection."""
    key: str
    size: int
    """Bytes."""
    uploaded_at: dt.datetime
    date: str | None
    """As written in the file name."""
    roll: str | None
    frame_num: str | None
    acquired: tuple[dt.date, dt.date] | None
    """First and last possible day: of the name, else of the collection's year."""
    picture: str | None
    """Key of its small picture."""
    width: int | None
    """Pixels."""
    height: int | None
    reason: str | None
    """Why there is no picture, a value of `Reason`, `failed` for a fault of ours; None also while nobody has looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFacts:
    """What is true of all lone scans of a collection."""

    collection: Collection
    title: str
    """Of the collection."""
    place: Bounds4326 | None
    """Rectangle around the published photographs of the same county, degrees: they may lie anywhere else; None: nothing is known."""
    site: Site
    addresses: CollectionAddresses

    @property
    def place_text(self) -> str:
        """What is known of where the photographs were taken, in a sentence."""
        words = words_of(self.site.language)
        if self.place is None:
            return words.plain("Where they were taken is unknown.")
        known = "Where they were taken is unknown but for the county, {county}; the rectangle is that of its photographs on the map."
        return words.plain(known, county=self.collection.county)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanEntry:
    """What the list of the whole archive says about the lone scans of a collection."""

    id: str
    title: str
    county: str
    agency: str
    year: str
    product: str
    scans: int
    page: str
    list: str
    stac: str
