"""Validate STAC documents by the schemas of the specification and of its extensions, without the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pystac
from pystac.validation.stac_validator import JsonSchemaSTACValidator

KINDS = {
    "Feature": pystac.STACObjectType.ITEM,
    "Collection": pystac.STACObjectType.COLLECTION,
    "Catalog": pystac.STACObjectType.CATALOG,
}


def stac_validator() -> JsonSchemaSTACValidator:
    """Return a validator that knows the schemas of all extensions that we use; pystac brings those of the specification."""
    made = JsonSchemaSTACValidator()
    for file in sorted((Path(__file__).parent / "schemas").glob("*.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        made.schema_cache[schema["$id"].removesuffix("#")] = schema
    return made


def validate(validator: JsonSchemaSTACValidator, document: dict[str, Any]) -> None:
    """Raise `pystac.STACValidationError` for what is wrong in a document."""
    extensions = document.get("stac_extensions", [])
    validator.validate(document, KINDS[document["type"]], document["stac_version"], extensions)
