"""Form fields in which collections are chosen, from the bundle's local files, so that parsing needs no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Param, get_parsing_context

from cogmill_airflow.airflow_internals import bundle_storage_root

SHARDS = "*/collections_[0-9][0-9].json"
"""Data files of the bundle of collections, below the storage of all bundles."""

EVERYTHING = "everything"
"""Choice of all collections. There is no other way to say so: an empty choice is an error."""

UNKNOWN = "the name of a collection as the page Collections shows it"
"""What a form answers to a name that is none. As a constant of the schema it is all that Airflow prints of the schema."""


NONE_YET = (
    "No collection is known here yet: one appears by itself with its first frame, and is offered within a minute."
)
"""What a form says beside an empty choice."""


def known_collections() -> list[Mapping[str, Any]]:
    """Return the collections in the bundle's files on this host, sorted by name.

    None where there are no such files, nor where a task starts: its host's files may be older than the choice it was given.
    """
    if get_parsing_context().dag_id is not None:
        return []
    found: dict[str, Mapping[str, Any]] = {}
    for shard in sorted(bundle_storage_root().glob(SHARDS)):
        try:
            found |= {entry["id"]: entry for entry in json.loads(shard.read_bytes())}
        except (OSError, ValueError):  # being replaced, or damaged: the form offers less until the next parse
            continue
    return [found[collection_id] for collection_id in sorted(found)]


def values(field: str, known: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the collections have in a field of theirs, without repetition."""
    return sorted({str(entry[field]) for entry in known if entry.get(field)})


def one_of(allowed: Sequence[str], otherwise: str) -> dict[str, Any]:
    """Return the JSON schema of a text that is one of thousands, any of them while none is known.

    A plain `enum` would make Airflow print all of them when the text is none of them.

    Args:
        allowed: All of them.
        otherwise: What to print instead.
    """
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}
    return schema | ({"if": {"enum": [*allowed]}, "else": {"const": otherwise}} if allowed else {})


def choose_collections(description: str, *, refuse_others: bool = True) -> Param:
    """Return the form field in which collections are chosen, `EVERYTHING` among them. It must not stay empty.

    :param description: What becomes of them.
    :param refuse_others: Whether Airflow refuses a name that this host does not know yet.
    """
    known = known_collections()
    names = values("service_name", known)
    allowed = [EVERYTHING, *names, *(entry["id"] for entry in known)] if known and refuse_others else []
    return Param(
        type="array",
        minItems=1,
        items=one_of(allowed, UNKNOWN),
        examples=[EVERYTHING, *names],
        title="Collections",
        description=_hint(f"{description} Names as the page Collections shows them, or `{EVERYTHING}`.", known),
    )


def choose_collection(description: str) -> Param:
    """Return the form field in which one collection is chosen or typed.

    :param description: What becomes of it.
    """
    known = known_collections()
    names = values("service_name", known)
    schema = one_of([*names, *(entry["id"] for entry in known)], UNKNOWN)
    return Param(**schema, examples=names, title="Collection", description=_hint(description, known))


def _hint(description: str, known: Sequence[Mapping[str, Any]]) -> str:
    return description if known else f"{description} {NONE_YET}"


def narrow_down() -> dict[str, Param]:
    """Return the form fields that narrow a choice of collections down."""
    known = known_collections()

    def several(field: str, title: str) -> Param:
        found = values(field, known)
        return Param(
            default=None, type=["null", "array"], items=one_of(found, f"{title.lower()} of the archive"), examples=found,
            title=title, description=f"Of the collections above only those of these {title.lower()}.",
        )  # fmt: skip

    def year(title: str, description: str) -> Param:
        return Param(
            default=None, type=["null", "integer"], minimum=1800, maximum=2100, title=title, description=description
        )

    return {
        "counties": several("county", "Counties"),
        "agencies": several("agency", "Agencies"),
        "products": several("product", "Products"),
        "first_year": year("First year", "Of the collections above only those of this year or later."),
        "last_year": year("Last year", "Of the collections above only those of this year or earlier."),
    }
