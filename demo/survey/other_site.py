"""The demo's survey for another site: flown over a town in Europe, with the keys that its layout wants."""

from __future__ import annotations

from dataclasses import replace

from cogmill.domain.keys import parse_upload
from cogmill.domain.layout import TEXAS, KeyLayout, layout_in_use, use_layout
from cogmill.domain.layout.dates import Days
from cogmill.domain.layout.file_names import FolderParts
from cogmill.domain.model import FrameName, Product, Stage

from demo.survey.landscape import AUSTIN, GOETTINGEN, Place
from demo.survey.manifest import Item, Manifest


def place_of_site() -> Place:
    """Return where the survey is flown; a layout does not say where an archive lies, so all but the built-in get the example's town."""
    return AUSTIN if layout_in_use() is TEXAS else GOETTINGEN


def in_layout_of_site(survey: Manifest) -> Manifest:
    """Return the survey with the keys of the layout in use, and what follows from them.

    Raises:
        CogmillError: The names of its files or folders tell something that the survey does not know.
    """
    layout = layout_in_use()
    if layout is TEXAS:
        return survey
    return replace(survey, items=[_renamed(item, layout) for item in survey.items])


def _renamed(item: Item, layout: KeyLayout) -> Item:
    where, stem, name = _known(item)
    folders = layout.made_folder(where, layout.stages[Stage(where.stage)])
    key = f"{folders}{_stem(layout, where, stem, name)}{item.key[item.key.rindex('.') :]}"
    return replace(item, key=key, collection_id=parse_upload(key).collection.id)


def _known(item: Item) -> tuple[FolderParts, str, FrameName]:
    """Return what the survey's own layout says of a file; a scan has the name of its frame."""
    current = layout_in_use()
    use_layout(TEXAS)
    try:
        upload = parse_upload(item.key)
        frame = parse_upload(item.key.replace(f"/{Stage.SCANNED}/", f"/{Stage.GEOREF}/"))
    finally:
        use_layout(current)
    collection = upload.collection
    agency = collection.agency.upper()
    where = FolderParts(upload.bands, collection.folder, agency, collection.year, collection.product, upload.stage)
    if frame.name is None:
        raise TypeError(f"{item.key} is no frame")
    return where, upload.stem, frame.name


def _stem(layout: KeyLayout, where: FolderParts, stem: str, name: FrameName) -> str:
    """Return the name of a file by the first pattern of its kind."""
    rule = next(rule for rule in layout.names if rule.holds_for(where))
    # tiles of one sheet, and mosaics, are told apart by all of their name
    frame = name.frame_num if where.product == Product.FRAMES else stem.partition("_")[2].replace("_", " ")
    date = _written(layout, name.acquired, where.year)
    return rule.patterns[0].write({"date": date, "roll": name.roll if name.roll != "N/A" else "0", "frame": frame})


def _written(layout: KeyLayout, days: Days | None, year: str) -> str:
    if days is None or days[0] != days[1]:
        return year
    day = days[0]
    text = layout.dates.formats[0].replace("YYYY", f"{day.year}").replace("YY", f"{day.year % 100:02d}")
    text = text.replace("MM", f"{day.month:02d}").replace("DD", f"{day.day:02d}")
    return text.replace("M", str(day.month)).replace("D", str(day.day))
