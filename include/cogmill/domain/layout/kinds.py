"""What an archive can hold, as closed sets: ledger, profiles, drawing and catalogs depend on each value.

Only the names of their folders in the bucket are the archive's own; those stand in its `KeyLayout`.
"""

from __future__ import annotations

from enum import StrEnum


class Bands(StrEnum):
    """What a frame's channels show, and how the ledger calls it whatever its folder is named."""

    BW = "bw"
    """One grayscale band."""
    NC = "nc"
    """Three bands in natural color: red, green, blue."""
    CIR = "cir"
    """Three bands of infrared film: near infrared, red and green, shown as red, green and blue."""


CHANNELS = {Bands.BW: "one-band grayscale", Bands.NC: "three-band color", Bands.CIR: "three-band infrared"}
"""What each kind of bands is called where people are told to put a file elsewhere."""


class Product(StrEnum):
    """What a collection holds."""

    FRAMES = "frames"
    INDEX = "index"
    MOSAIC = "mosaic"


class Stage(StrEnum):
    """The two stages into which people upload."""

    SCANNED = "scanned"
    GEOREF = "georef"
