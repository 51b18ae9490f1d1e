"""Cells and pictures without pixels: what a cell names is in its bytes, and every member must be there when it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cogmill.domain.errors import ServiceUnavailableError
from cogmill.domain.geo import Bounds3857
from cogmill.overviews import renewal
from cogmill.overviews.build import BuiltCell
from cogmill.overviews.contents import Content, Member, contents, contents_of_cells
from cogmill.overviews.grid import cells
from cogmill.pipeline import Archive, update_overviews

MOST_FRAMES = 1
"""A collection of more frames has overviews where these stand in."""


def use(monkeypatch) -> None:
    """Let runs of the overviews make stand-ins."""
    monkeypatch.setattr(update_overviews, "MOST_FRAMES", MOST_FRAMES)
    monkeypatch.setattr(renewal, "build_cells", _build)
    monkeypatch.setattr(update_overviews, "draw_thumbnails", _draw)


def _build(wanted: Sequence[Content], read, keep, _) -> Iterator[tuple[Content, BuiltCell]]:
    for content in wanted:
        _read_all(content.members, read)
        body = "\n".join(member.key for member in content.members).encode()
        west, south, east, north = zip(*(member.bounds for member in content.members), strict=True)
        bounds = Bounds3857(min(west), min(south), max(east), max(north))
        built = BuiltCell(len(body), hashlib.sha256(body).hexdigest(), bounds)
        with TemporaryDirectory(prefix="cogmill-test-") as folder:
            source = Path(folder) / "cell.tif"
            source.write_bytes(body)
            keep(content, built, source)
        yield content, built


def _draw(extent, members, read, sizes) -> dict[int, bytes]:
    _read_all(members, read)
    return dict.fromkeys(sizes, f"picture of {extent}".encode())


def _read_all(members: Sequence[Member], read) -> None:
    for member in members:
        if read(member.key) is None:
            raise ServiceUnavailableError(f"{member.key} is gone")


def wanted_cells(archive: Archive, collection_id: str) -> set[str]:
    """Return the keys that the cells of a collection have when they show its tile index, worked out from nothing."""
    index = archive.ledger.overview_cells
    levels = index.state(collection_id).levels
    if not levels:
        return set()
    by_day = not archive.ledger.collections.service_facts(collection_id).undated
    found = []
    for cell in {cell for bounds in index.all_bounds(collection_id) for cell in cells(levels[0], bounds)}:
        frames = [Member(f.key, f.bounds, f.acquired) for f in index.frames_in(collection_id, cell.bounds)]
        found += contents(cell, frames, by_day=by_day)
    named, finer = {each.key(collection_id) for each in found}, found
    for _ in levels[1:]:
        finer = _coarser(finer, collection_id, by_day=by_day)
        named |= {each.key(collection_id) for each in finer}
    return named


def _coarser(finer: list[Content], collection_id: str, *, by_day: bool) -> list[Content]:
    found = []
    for cell in sorted({each.cell.parent for each in finer}):
        inside = sorted(
            (each for each in finer if each.cell.parent == cell), key=lambda each: (each.cell.y, each.cell.x)
        )
        members = [(each, Member(each.key(collection_id), each.cell.bounds, each.acquired)) for each in inside]
        whole = [member for each, member in members if each.all_days]
        of_days = [member for each, member in members if each.acquired is not None]
        found += contents_of_cells(cell, whole, of_days, by_day=by_day)
    return found
