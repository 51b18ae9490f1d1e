"""Types of settings that are checked beyond what their Python type says."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from croniter import croniter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from cogmill.cog.profiles import DatumAccuracy
from cogmill.domain.geo import Bounds4326

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Names that Airflow takes in place of a cron expression."""

LONGEST_PREFIX = 100
"""Characters of a prefix in a bucket: S3 takes keys of 1,024 bytes, and most of them are the archive's."""


def _check_schedule(schedule: str | None) -> str | None:
    if schedule is None or schedule.lower() == "none":
        return None
    if schedule not in PRESETS and (schedule.startswith("@") or not croniter.is_valid(schedule)):
        raise ValueError(f"must be a cron expression such as '30 3 * * *', one of {', '.join(PRESETS)}, or none")
    return schedule


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://maps.example.org, without ? and #")
    return url.rstrip("/")


def _check_link(link: str) -> str:
    parts = urlsplit(link)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(char in link for char in ' <>"'):
        raise ValueError("must be an address such as https://creativecommons.org/licenses/by/4.0/")
    return link


def _check_prefix(prefix: str) -> str:
    folders = prefix.strip("/").split("/") if prefix.strip("/") else []
    if (
        not all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", folder) for folder in folders)
        or len(prefix) > LONGEST_PREFIX
    ):
        raise ValueError(
            "must be folders such as archives/aerials, of English letters, digits, '-', '_' and '.', at most"
            f" {LONGEST_PREFIX} characters"
        )
    return "".join(f"{folder}/" for folder in folders)


def _area_from(edges: object) -> Bounds4326 | None:
    if edges is None or isinstance(edges, Bounds4326):
        return edges
    if not isinstance(edges, list | tuple) or not all(isinstance(edge, int | float) for edge in edges):
        raise ValueError("must be four numbers as a JSON list: [west, south, east, north] in degrees")
    area = Bounds4326.from_edges(edges)
    if not (area.width and area.height):  # no frame can lie in it, and every upload would be rejected
        raise ValueError("must have west less than east and south less than north, in degrees")
    return area


def _check_crs(code: str) -> str:
    if not re.fullmatch(r"(EPSG|ESRI|IGNF):[A-Za-z0-9.]{1,20}", code):
        raise ValueError("must be the code of a coordinate system such as EPSG:26914")
    try:
        from osgeo import osr  # noqa: PLC0415 - only where a file states a code, on hosts that read files
    except ImportError:
        return code  # a host that builds nothing
    osr.UseExceptions()
    srs = osr.SpatialReference()
    try:
        srs.SetFromUserInput(code)
    except RuntimeError:
        raise ValueError("must be a code that PROJ knows, such as EPSG:26914") from None
    if not (srs.IsProjected() or srs.IsGeographic()):
        raise ValueError(f"must be a projected or geographic system such as EPSG:26914, and is {srs.GetName()!r}")
    return code


Schedule = Annotated[str | None, AfterValidator(_check_schedule)]
"""When a DAG runs, in UTC: a cron expression or one of `PRESETS`; None (`none`) for runs by hand only."""

Prefix = Annotated[str, AfterValidator(_check_prefix)]
"""What keys in a bucket begin with, with a slash at its end; empty for none."""

PublicBucket = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$")]
"""A name of a bucket as S3 takes it, or empty."""

Url = Annotated[str, AfterValidator(_check_url)]
"""Base URL without a slash at the end."""

Link = Annotated[str, AfterValidator(_check_link)]
"""Address of a page, kept as it is written."""

Area = Annotated[Bounds4326 | None, BeforeValidator(_area_from)]
"""Bounds in degrees; None for the whole world."""


Crs = Annotated[str, AfterValidator(_check_crs)]
"""Code of a projected or geographic coordinate system, such as `EPSG:26914`."""


class StrictModel(BaseModel):
    """Base of what a file may state: unknown keys are mistakes, and nothing is changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AccuracyConfig(StrictModel):
    """What a site or a collection asks of datum shifts; what is left out stays as it is."""

    meters: float | None = Field(default=None, gt=0, le=50)
    """Error that is allowed at any size of pixel."""
    pixels: float | None = Field(default=None, ge=0, le=10)
    """The same as a share of the frame's pixel; the larger of both counts."""

    def changes(self, before: DatumAccuracy) -> DatumAccuracy:
        """Return what is asked where this is stated beside what was asked before."""
        return replace(before, **self.model_dump(exclude_none=True))
