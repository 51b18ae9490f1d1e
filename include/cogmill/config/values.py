"""Types of settings that are checked beyond what their Python type says."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from croniter import croniter
from pydantic import AfterValidator

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Names that Airflow takes in place of a cron expression."""

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


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


def _check_area(area: Bounds | None) -> Bounds | None:
    if area is None:
        return None
    west, south, east, north = area
    # an area that no frame can lie in would reject every upload
    if not (-360 <= west < east <= 360 and -90 <= south < north <= 90):  # noqa: PLR2004  degrees
        raise ValueError("must be [west, south, east, north] in degrees, west less than east, south less than north")
    return area


Schedule = Annotated[str | None, AfterValidator(_check_schedule)]
"""When a DAG runs, in UTC: a cron expression or one of `PRESETS`; None (`none`) for runs by hand only."""

Url = Annotated[str, AfterValidator(_check_url)]
"""Base URL without a slash at the end."""

Area = Annotated[Bounds | None, AfterValidator(_check_area)]
"""Bounds in degrees; None for the whole world."""
