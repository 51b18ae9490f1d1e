"""Places that the viewer names on its map: read from a GeoJSON file beside the site file, checked, and reduced to what is drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import shapely

from cogmill.domain.errors import ConfigurationError
from cogmill.domain.geo import Bounds4326

MOST_BYTES = 8 << 20
"""Every visitor of the viewer gets the file."""

DIGITS = 5
"""Of a degree: a meter."""

NAME = 100
"""Most characters of a name."""


def load_places(file: Path) -> dict[str, Any]:
    """Return the places of a file as a GeoJSON `FeatureCollection`: geometries in degrees, with the property `name` alone.

    Raises:
        ConfigurationError: Names the file, the feature and what is allowed.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ConfigurationError(
                f"{file.name}: larger than {MOST_BYTES >> 20} MiB, which every visitor would get; simplify its outlines"
            )
        features = json.loads(file.read_text(encoding="utf-8"))["features"]
        return {"type": "FeatureCollection", "features": [_place(feature) for feature in features]}
    except OSError as err:
        raise ConfigurationError(f"{file.name}: named by the key places, but not readable: {err.strerror}") from err
    except (ValueError, TypeError, KeyError, RecursionError, shapely.errors.GEOSException) as err:
        raise ConfigurationError(f"{file.name}: not a GeoJSON FeatureCollection in degrees: {err}") from err


def _place(feature: dict[str, Any]) -> dict[str, Any]:
    shape = shapely.from_geojson(json.dumps(feature["geometry"]))
    Bounds4326(*shape.bounds)  # an error where it lies outside of all degrees
    rounded = shapely.transform(shape, lambda degrees: degrees.round(DIGITS))
    name = str((feature.get("properties") or {}).get("name") or "")[:NAME]
    geometry = json.loads(shapely.to_geojson(rounded))
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry}
