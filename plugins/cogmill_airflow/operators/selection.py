"""The collections that a form names, by the ledger: a name that is none ends the first task, with what may have been meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from cogmill_airflow.bundle.params import EVERYTHING

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.pipeline import Archive

NARROWING = {"counties": "county", "agencies": "agency", "products": "product"}
"""Fields of the form and what they compare."""


def is_dry_run(context: Context) -> bool:
    """Tell whether a run only shows what it would do. Forms ask for that by default; a run by schedule never is one."""
    return bool(context["params"]["dry_run"]) and context["dag_run"].run_type != "scheduled"


def names_everything(params: Mapping[str, Any]) -> bool:
    """Tell whether a form names all collections, of which other fields may leave some."""
    return EVERYTHING in _named(params)


def takes_everything(params: Mapping[str, Any]) -> bool:
    """Tell whether a form asks for the whole archive, with nothing that narrows it down."""
    narrowed = any(
        params.get(name)
        for name in (*NARROWING, "first_year", "last_year", "prefix", "contains", "reasons", "without_grid", "limit")
    )
    return names_everything(params) and not narrowed


def chosen_collections(archive: Archive, params: Mapping[str, Any]) -> list[str]:
    """Return the ids of the collections that a form names, sorted.

    Args:
        archive: Its ledger.
        params: Values of the form.

    Raises:
        ConfigurationError: A name is that of no collection, or none is left.
    """
    from cogmill.domain.errors import ConfigurationError

    known = {row["id"]: row for row in archive.ledger.collections.all()}
    wanted = _named(params)
    if not wanted:
        raise ConfigurationError(f"collections: none is chosen; choose some, or {EVERYTHING!r}")
    for name in wanted:
        if name != EVERYTHING and name not in known:
            raise ConfigurationError(f"collections: {name} is none. {_meant(name, list(known))}")
    ids = known if EVERYTHING in wanted else dict.fromkeys(wanted)
    left = sorted(one for one in ids if _fits(known[one], params))
    if not left and known:
        raise ConfigurationError(
            "collections: none is left; counties, agencies, products and years exclude all of them"
        )
    return left


def collection_id(name: str) -> str:
    """Return the id for a name that a person typed: spaces for underscores and any case are fine.

    >>> collection_id(" Hays AMS_1950 frames")
    'hays_ams_1950_frames'
    """
    return name.strip().replace(" ", "_").lower()


def _named(params: Mapping[str, Any]) -> list[str]:
    """Return the ids that a form names, and `EVERYTHING` in any case of letters."""
    return [collection_id(name) for name in params["collections"] or []]


def _meant(name: str, known: Sequence[str]) -> str:
    alike = get_close_matches(name, known, n=3, cutoff=0.6)
    return f"Is it {' or '.join(alike)}?" if alike else "The page Collections has all of them."


def _fits(row: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    county = str(row["folder"]).rpartition("/")[2]
    compared = {"county": county, "agency": row["agency"], "product": str(row["product"])}
    for name, field in NARROWING.items():
        asked = {value.lower() for value in params.get(name) or []}
        if asked and compared[field].lower() not in asked:
            return False
    first, last = params.get("first_year"), params.get("last_year")
    if first is None and last is None:
        return True
    # the place of the year may hold the code of a mission, which is in no range
    return str(row["year"]).isdigit() and (first or 0) <= int(row["year"]) <= (last or 9999)
