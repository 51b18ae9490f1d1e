"""Formats of uploads beside GeoTIFF. A site takes those that it names."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """Formats that a site may take; each is the ending of its file names."""

    JP2 = "jp2"
    """JPEG 2000."""
    IMG = "img"
    """ERDAS IMAGINE."""

    @property
    def label(self) -> str:
        """Name for people."""
        return {Format.JP2: "JPEG 2000", Format.IMG: "ERDAS IMAGINE"}[self]


def format_of(name: str) -> Format | None:
    """Return the format that the ending of a name or key says; None for GeoTIFF and all others.

    >>> format_of("03-22-51_4-1.JP2"), format_of("03-22-51_4-1.tif"), format_of("img")
    (<Format.JP2: 'jp2'>, None, None)
    """
    lower = name.lower()
    return next((each for each in Format if lower.endswith(f".{each}")), None)
