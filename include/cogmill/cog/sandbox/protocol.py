"""What engine and worker say to each other: one JSON object per line, requests one way and answers the other.

Both sides import this module and nothing else of each other. It needs nothing but the standard library, because whatever
the worker imports is paid for in memory by every frame.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cogmill.cog.profiles import Profile, profile_from
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.errors import Reason
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import Bands, BuiltCog, DrawnScan
from cogmill.domain.sidecars import SidecarKind


class ProtocolError(ValueError):
    """A line is no message of this protocol."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One frame to build."""

    source: Path
    """The upload, a local file; relative to the worker's folder."""
    target: Path
    """Where the COG is to stand; relative to the worker's folder."""
    bands: Bands
    """What the frame's folder promises."""
    profile: Profile
    provenance: Mapping[str, str]
    """Facts about the source that become tags of the COG."""
    area: Bounds4326 | None
    """Where the frame must lie; None for anywhere."""
    threads: int
    sidecars: Mapping[SidecarKind, Path] = field(default_factory=dict)
    """Files that say where it lies, as far as the upload does not; relative to the worker's folder."""


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """One raw scan of which a small picture is wanted."""

    source: Path
    """The upload, a local file; relative to the worker's folder."""
    target: Path
    """Where the picture is to stand; relative to the worker's folder."""
    longer_px: int
    """Pixels along its longer side, at most."""
    threads: int


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """One COG of another system to be published as it is."""

    source: Path
    """The COG, a local file; relative to the worker's folder."""
    bands: Bands
    """What its folder promises."""
    area: Bounds4326 | None
    """Where it must lie; None for anywhere."""
    threads: int


Request = BuildRequest | DrawRequest | VerifyRequest


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker's first answer, before any request."""

    gdal_version: str
    unconfined: str = ""
    """What the kernel would not take from the worker; empty when nothing is left to it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The frame is at fault."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Unverified:
    """The COG was built, and is not what it should be."""

    detail: str


@dataclass(frozen=True, slots=True)
class ResourceLimit:
    """The frame needed more memory than the limits give."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The scratch files cannot be written or read."""

    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An error of our own, or of a library, that says nothing about the frame."""

    detail: str


Answer = Ready | BuiltCog | DrawnScan | Rejected | Unverified | ResourceLimit | Unavailable | Failed

ANSWERS: dict[str, type[Answer]] = {
    "ready": Ready,
    "built": BuiltCog,
    "drawn": DrawnScan,
    "rejected": Rejected,
    "unverified": Unverified,
    "resource_limit": ResourceLimit,
    "unavailable": Unavailable,
    "failed": Failed,
}
"""Every kind of answer by the name it has on the wire."""

BUILD, DRAW, VERIFY = "build", "draw", "verify"
"""The kinds of requests."""

KINDS = {answer: kind for kind, answer in ANSWERS.items()}


def encode_limits(limits: Limits) -> str:
    """Return the limits as the worker's only argument."""
    return json.dumps(dataclasses.asdict(limits))


def decode_limits(text: str) -> Limits:
    """Return the limits of `encode_limits`."""
    values = json.loads(text)
    return Limits(**{**values, "bands": tuple(values["bands"])})


def encode_request(request: Request) -> bytes:
    """Return a request as one line."""
    common = {"source": str(request.source), "threads": request.threads}
    if isinstance(request, DrawRequest):
        return _line({"kind": DRAW, **common, "target": str(request.target), "longer_px": request.longer_px})
    common |= {"bands": request.bands.value, "area": None if request.area is None else list(request.area)}
    if isinstance(request, VerifyRequest):
        return _line({"kind": VERIFY, **common})
    return _line(
        {
            "kind": BUILD,
            **common,
            "target": str(request.target),
            "profile": dataclasses.asdict(request.profile),
            "provenance": dict(request.provenance),
            "sidecars": {kind: str(file) for kind, file in request.sidecars.items()},
        }
    )


def decode_request(line: bytes) -> Request:
    """Return the request of a line.

    Raises:
        ProtocolError: It is none.
    """
    try:
        values = json.loads(line)
        source, threads = Path(values["source"]), values["threads"]
        if values["kind"] == DRAW:
            return DrawRequest(source, Path(values["target"]), values["longer_px"], threads)
        bands = Bands(values["bands"])
        area = None if values["area"] is None else Bounds4326.from_edges(values["area"])
        if values["kind"] == VERIFY:
            return VerifyRequest(source, bands, area, threads)
        profile, provenance = profile_from(values["profile"]), values["provenance"]
        sidecars = {SidecarKind(kind): Path(file) for kind, file in values["sidecars"].items()}
        return BuildRequest(source, Path(values["target"]), bands, profile, provenance, area, threads, sidecars)
    except (ValueError, KeyError, TypeError) as err:
        raise ProtocolError(f"no request ({err!r}): {line[:200]!r}") from err


def encode_answer(answer: Answer) -> bytes:
    """Return an answer as one line; bytes are written in base64."""
    values = dataclasses.asdict(answer)
    if isinstance(answer, BuiltCog):
        values["footprint_wkb"] = base64.b64encode(answer.footprint_wkb).decode()
    return _line({"kind": KINDS[type(answer)], **values})


def decode_answer(line: bytes) -> Answer:
    """Return the answer of a line.

    Raises:
        ProtocolError: It is none.
    """
    try:
        values = json.loads(line)
        answer = ANSWERS[values.pop("kind")]
        if answer is BuiltCog:
            values["footprint_wkb"] = base64.b64decode(values["footprint_wkb"], validate=True)
            values["transform"] = values["transform"] and tuple(values["transform"])
            values["missing_grids"] = tuple(values["missing_grids"])
        if answer is Rejected:
            values["reason"] = Reason(values["reason"])
        return answer(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ProtocolError(f"no answer ({err!r}): {line[:200]!r}") from err


def _line(values: dict[str, Any]) -> bytes:
    """Return values as JSON and a line feed; JSON writes no line feed of its own."""
    return json.dumps(values).encode() + b"\n"
