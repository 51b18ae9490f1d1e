"""What the person is told whose upload was rejected: the advice of its reason, or the key to which a misplaced upload belongs."""

from __future__ import annotations

import re
import unicodedata

from cogmill.domain.advice_words import ENGLISH, AdviceWords, words_of
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.keys import parse_upload
from cogmill.domain.layout import TEXAS, KeyLayout, formats_in_use, language_in_use, layout_in_use
from cogmill.domain.layout.formats import format_of
from cogmill.domain.layout.kinds import Product, Stage
from cogmill.domain.layout.nearest import SCANS, nearest_folders
from cogmill.domain.model import RejectedFrame
from cogmill.domain.screening import key_fault

_AGENCY_YEAR = re.compile(r"([A-Za-z][A-Za-z0-9]*?)[ _-]*((?:18|19|20)\d\d)|([A-Za-z][A-Za-z0-9]*)_([A-Za-z0-9]+)")
"""An agency with a year, however they are joined, or with a mission code."""


def rejected_frame(key: str, reason: str, detail: str) -> RejectedFrame:
    """Return one rejected upload with its advice."""
    return RejectedFrame(key, reason, detail, advice(reason, key))


def advice(reason: str, key: str) -> str:
    """Return what to do about a rejected upload; where only its folder is wrong, the key to which to move it.

    Examples:
        >>> advice(Reason.WRONG_FOLDER, "bw/Travis/USDA_1951/frames/georef/roll4/03-22-51_4-1.tif")
        'Move it to bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif.'
    """
    # names that were rejected before there was a reason for folders too
    right = right_key(key) if reason in {Reason.WRONG_FOLDER, Reason.BAD_NAME} else None
    return advice_to_move(reason, right, key)


def advice_to_move(reason: str, right: str | None, key: str) -> str:
    """Return the same where the key to which to move the upload is known already; None: there is none."""
    words = words_of(language_in_use())
    if right is None:
        if reason == Reason.BAD_NAME and (not_taken := _format_advice(key, words)):
            return not_taken
        return _general(Reason(reason), layout_in_use(), words)
    shown = right if right.isprintable() else ascii(right)
    try:
        parse_upload(right)
    except InvalidFrameError as fault:
        return words.rename.format(key=shown, detail=fault.detail)
    return words.move.format(key=shown)


def _format_advice(key: str, words: AdviceWords) -> str | None:
    """Return what to do about a file of a format that is not taken where it lies; None for other files."""
    found = format_of(key)
    is_scan = layout_in_use().stage_of(key.rpartition("/")[0]) is Stage.SCANNED
    if found is None or (found in formats_in_use() and not is_scan):
        return None
    return words.format.format(label=found.label, format=found)


def _general(reason: Reason, layout: KeyLayout, words: AdviceWords) -> str:
    """Return the advice of a reason, in the names of folders that the archive has."""
    built_in = layout is TEXAS and words is ENGLISH
    if built_in or reason not in {Reason.WRONG_FOLDER, Reason.WRONG_BANDS}:
        return words.reasons[reason]
    georef, scanned = layout.stages[Stage.GEOREF], layout.stages[Stage.SCANNED]
    if reason == Reason.WRONG_FOLDER:
        scans = words.scans.format(scanned=scanned, georef=georef) if "<stage>" in layout.shown else ""
        return words.folders.format(layout=layout.shown.replace("<stage>", georef), scans=scans)
    below = (words.below.format(channels=words.channels[kind], folder=name) for kind, name in layout.bands.items())
    return words.bands.format(folders=words.both.join(below))


def right_key(key: str) -> str | None:
    """Return the key under which an upload belongs, as far as its folders tell; None when they do not, or when it is there.

    The file's own name is kept, whether it fits or not.
    """
    *folders, filename = key.split("/")
    words = [folder.strip() for folder in folders]
    layout = layout_in_use()
    right_folders = (
        _by_default(words, filename) if layout is TEXAS else nearest_folders(layout, words, _product_of(filename))
    )
    if right_folders is None or not filename:
        return None
    right = right_folders + filename
    return right if right != key and key_fault(right) is None and _is_proper(right) else None


def _by_default(words: list[str], filename: str) -> str | None:
    """Return the folders of the default layout that some folders seem to mean."""
    start = next((i for i, word in enumerate(words) if word.casefold() in TEXAS.bands.values()), None)
    if start is None:
        return None
    below = words[start + 1 :]
    place = _place(below, filename)
    if place is None:
        return None
    scans = any(word.casefold().startswith(SCANS) for word in below)
    stage = Stage.SCANNED if scans else Stage.GEOREF
    return "/".join([words[start].lower(), *place, stage, ""])


def _place(words: list[str], filename: str) -> list[str] | None:
    """Return county, agency with year, and product, as far as the folders below the bands say so; None when they do not."""
    known = {word: i for i, word in reversed(list(enumerate(w.casefold() for w in words)))}
    product = min((p for p in Product if p in known), key=lambda p: known[p], default=None)
    end = known[product] if product else len(words)
    found = [(i, match) for i in range(end) if (match := _AGENCY_YEAR.fullmatch(words[i]))]
    if not found:
        return None
    index, match = ([entry for entry in found if entry[1][1]] or found)[-1]  # rather one with a year
    between = [word for word in words[index + 1 : end] if not _is_stage(word)]
    if product and between:
        return None  # a folder whose meaning is not known: it may well be the county
    agency, year = filter(None, match.groups())
    return [*map(_letters, words[:index]), f"{agency}_{year}", product or _product_of(filename)]


def _is_stage(word: str) -> bool:
    return word.casefold().startswith((*SCANS, "geo"))


def _product_of(filename: str) -> Product:
    """Guess the product of a file that lies in no product's folder, by its name."""
    if "mosaic" in filename.casefold():
        return Product.MOSAIC
    return Product.INDEX if "index" in filename.casefold() else Product.FRAMES


def _letters(word: str) -> str:
    """Return a county's name as a folder may have it: `El Paso` becomes ElPaso, `Peña` Pena."""
    return re.sub(r"[^A-Za-z0-9]", "", unicodedata.normalize("NFKD", word))


def _is_proper(key: str) -> bool:
    """Tell whether the folders of a key are right, whatever the name of the file."""
    try:
        parse_upload(key)
    except InvalidFrameError as fault:
        return fault.reason != Reason.WRONG_FOLDER
    return True
