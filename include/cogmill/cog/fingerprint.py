"""Names a way of making COGs by a digest, so that the same source and recipe always have the same key."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cogmill.cog.libraries import grids_digest, library_versions, reader_versions
from cogmill.cog.profiles import DatumAccuracy, Profile, as_used
from cogmill.domain.layout.formats import Format

ENGINE_VERSION = "3"
"""Raised with every change that alters the bytes of any COG."""

DIGEST_DIGITS = 12
"""Hex digits of a COG's digest in its key: 48 bits, so a stem would need millions of versions to meet itself."""


@cache
def gdal_version() -> str:
    """Return the version of GDAL that the engine runs on, without loading it."""
    return importlib.metadata.version("GDAL")


@cache
def opencv_version() -> str:
    """Return the version of OpenCV that the engine resamples with, without loading it."""
    return importlib.metadata.version("opencv-python-headless")


def recipe_digest(profile: Profile) -> str:
    """Return a hex digest over what the program itself decides of a COG's bytes: profile, engine, GDAL and OpenCV.

    It stands in each COG as a tag, and was the whole build fingerprint of releases up to 0.1.
    """
    return _digest(_recipe(profile))


def build_fingerprint(profile: Profile, source_format: Format | None = None) -> str:
    """Return a hex digest over everything but the source that decides a COG's bytes, the libraries and grids of this host included.

    The libraries that read the source count where it is no TIFF; its format is None where it is one.
    Not in the COG itself: the tags of a COG stay as they are when only the form of the fingerprint changes.
    """
    libraries = library_versions() | (reader_versions(source_format) if source_format else {})
    return _digest(_recipe(profile) | {"libraries": libraries, "grids": grids_digest()})


def possible_fingerprints(profile: Profile, source_format: Format | None = None) -> set[str]:
    """Return the build fingerprints that an up-to-date COG may have: of the profile, and of it without a rule that its frame did not need."""
    return {build_fingerprint(each, source_format) for each in (profile, as_used(profile, ()))}


def _recipe(profile: Profile) -> dict[str, Any]:
    values = dataclasses.asdict(profile)
    del values["control_points_px"]  # it decides whether there is a COG, and nothing of its bytes
    if profile.crs is None:
        del values["crs"]  # so that what was built before there was such a rule keeps its name
    programs = {"engine": ENGINE_VERSION, "gdal": gdal_version(), "opencv": opencv_version()}
    # What is allowed beyond the standard decides no byte, and the standard has no name in digests of before.
    preferred = profile.accuracy.preferred
    del values["accuracy"]
    if preferred != DatumAccuracy():
        values["accuracy"] = dataclasses.asdict(preferred)
    return {"profile": values, **programs}


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def cog_digest(*named: str) -> str:
    """Return the short digest that stands in a COG's key: `cog/<stem>.<digest>.tif`.

    Args:
        named: What the key names: the hash of the upload and the build fingerprint; and the hash of the COG, where the key without
            it is taken by other bytes. For a cell what its bytes depend on.
    """
    return hashlib.sha256("\n".join(named).encode()).hexdigest()[:DIGEST_DIGITS]
