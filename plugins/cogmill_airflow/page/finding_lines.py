"""What the nightly comparison found, as a page: everything that is not zero, with its subjects, and the files of the archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogmill.domain.public_access import COMPILED_FILES
from cogmill.domain.public_keys import CATALOG_PAGE
from cogmill.maintenance.checks import KINDS, Treatment
from cogmill.mapserver.urls import download_url

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from cogmill.config.settings import Settings

TREATED = {
    Treatment.NOTICE: "nothing: worth knowing, and no fault",
    Treatment.REPORT: "nothing by itself: somebody must look into it",
    Treatment.REPAIR: "repaired by the next maintenance",
    Treatment.REMOVE: "taken off the map by the next maintenance, within its limits",
}
"""What people read of a treatment."""


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One kind of finding as a line of the page."""

    kind: str
    title: str
    count: int
    since: dt.datetime
    what_next: str
    is_fault: bool


def finding_lines(counts: Mapping[str, tuple[int, dt.datetime]]) -> list[FindingLine]:
    """Return the kinds of which there are findings, faults first, then in the order of the layers."""
    lines = []
    for name, kind in KINDS.items():
        if name in counts:
            wait = ", when it has lasted for COGMILL_GRACE_HOURS" if kind.grace else ""
            fault = kind.treatment != Treatment.NOTICE
            lines.append(FindingLine(name, kind.title, *counts[name], TREATED[kind.treatment] + wait, fault))
    return sorted(lines, key=lambda line: not line.is_fault)


def files(settings: Settings) -> dict[str, str]:
    """Return the addresses of what is compiled of the whole archive, by what people call it."""
    keys = {"list of services": CATALOG_PAGE} | COMPILED_FILES
    return {what: download_url(settings.public_url, key) for what, key in keys.items()}
