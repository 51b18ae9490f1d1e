"""What a key would become if it were uploaded: for people who look before they copy, and for whoever writes a site file."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cogmill.domain.advice import advice_to_move, right_key
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.keys import parse_upload
from cogmill.domain.model import UploadKey
from cogmill.domain.screening import derived_folder, is_upload, key_fault


class Becomes(StrEnum):
    """What a key would become."""

    FRAME = "frame"
    """It would be built, if its raster is right."""
    SCAN = "scan"
    """It would be linked to the frame of its name."""
    REJECTED = "rejected"
    IGNORED = "ignored"
    """No upload: a file that nothing reads, or one of Cogmill's own."""


@dataclass(frozen=True, slots=True)
class KeyReading:
    """What one key would become; what does not apply is None."""

    key: str
    becomes: Becomes
    collection: str | None = None
    """Id of its collection."""
    bands: str | None = None
    product: str | None = None
    stage: str | None = None
    date: str | None = None
    """As the name writes it."""
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    """Between these two the photograph was taken; None where nothing tells."""
    roll: str | None = None
    frame_number: str | None = None
    reason: str | None = None
    """Of a rejection."""
    detail: str | None = None
    """Which rule the key breaks, or why nothing reads it."""
    advice: str | None = None
    nearest: str | None = None
    """The key that was probably meant."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields that apply, days in ISO 8601."""
        values = {name: value for name in _FIELDS if (value := getattr(self, name)) is not None}
        for name in ("first_day", "last_day"):
            if name in values:
                values[name] = values[name].isoformat()
        return values


_FIELDS = tuple(KeyReading.__dataclass_fields__)


def read_key(key: str) -> KeyReading:
    """Return what a key would become by the layout of the archive.

    >>> reading = read_key("bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif")
    >>> reading.becomes, reading.collection, str(reading.first_day)
    (<Becomes.FRAME: 'frame'>, 'travis_usda_1951_frames', '1951-03-22')
    >>> read_key("bw/Travis/USDA_1951/frames/03-22-51_4-173.tif").nearest
    'bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif'
    """
    if fault := key_fault(key):
        return KeyReading(key, Becomes.IGNORED, detail=fault)
    if not is_upload(key):
        return KeyReading(key, Becomes.IGNORED, detail=_why_ignored(key))
    try:
        upload = parse_upload(key)
    except InvalidFrameError as fault_found:
        return _rejected(key, fault_found.reason, fault_found.detail)
    return _accepted(upload)


def _accepted(upload: UploadKey) -> KeyReading:
    where = (upload.collection.id, str(upload.bands), str(upload.collection.product), str(upload.stage))
    name = upload.name
    if name is None:
        return KeyReading(upload.key, Becomes.SCAN, *where)
    first, last = name.acquired or (None, None)
    return KeyReading(upload.key, Becomes.FRAME, *where, name.date, first, last, name.roll, name.frame_num)


def _rejected(key: str, reason: Reason, detail: str) -> KeyReading:
    nearest = right_key(key)
    told = advice_to_move(reason, nearest, key)
    return KeyReading(key, Becomes.REJECTED, reason=str(reason), detail=detail, advice=told, nearest=nearest)


def _why_ignored(key: str) -> str:
    if folder := derived_folder(key):
        return f"only Cogmill writes below {folder}"
    if key.endswith("/"):
        return "it is a folder"
    return "no TIFF outside of the folders for uploads, or a file that programs lay beside a TIFF"
