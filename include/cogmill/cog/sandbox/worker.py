"""The child process that touches uploads: `python -m cogmill.cog.sandbox.worker`.

Reads one JSON request per line from standard input and writes one JSON answer per line to standard output. Whatever an
upload does to it (crash, exhaust memory, hang) ends with this process and is judged by its parent, `engine`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import resource
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import cv2
from osgeo import gdal, ogr, osr

from cogmill.cog.build_frame import Request, build_frame
from cogmill.cog.profiles import profile_from
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.errors import InvalidFrameError, VerificationError
from cogmill.domain.model import Bands

DRIVERS = {"GTiff", "COG", "MEM", "VRT"}
"""All that is ever needed: GTiff reads uploads, COG writes, MEM holds, VRT is how the COG driver reads its source."""

MAPPED = 6
"""Address space for the files of a streamed frame, in decoded sizes: source, warp, masks, overviews, at any angle."""

CONFIG = {
    "GDAL_PAM_ENABLED": "NO",  # no .aux.xml is read or written
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .ovr, .msk or world file beside the upload is seen
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_TIFF_INTERNAL_MASK": "YES",
    "GDAL_CACHEMAX": "64",  # MB; pixels live in arrays, the block cache only passes them on
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "GDAL_MEM_ENABLE_OPEN": "YES",  # our own arrays by their address; uploads are opened by GTiff only
    "GTIFF_VIRTUAL_MEM_IO": "NO",
    "OGR_ENABLE_PARTIAL_REPROJECTION": "NO",
}
"""GDAL's configuration in the child."""


def main() -> None:
    """Answer requests until the parent hangs up."""
    limits = Limits(**json.loads(sys.argv[1]))
    _confine(limits)
    _configure()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not look like an answer
        requests = _listen()
        _say(answers, {"ready": gdal.VersionInfo("RELEASE_NAME")})
        while True:
            _say(answers, _answer(requests.get(), limits))


def _confine(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    space = limits.memory_bytes + (
        MAPPED * limits.decoded_bytes if limits.decoded_bytes > limits.in_memory_bytes else 0
    )
    resource.setrlimit(resource.RLIMIT_AS, (space, space))


def _configure() -> None:
    cv2.setNumThreads(0)  # the threads are ours: as many as the task has slots
    for module in (gdal, ogr, osr):
        module.UseExceptions()
    for key, value in CONFIG.items():
        gdal.SetConfigOption(key, value)
    for number in reversed(range(gdal.GetDriverCount())):
        driver = gdal.GetDriver(number)
        if driver.ShortName not in DRIVERS:
            driver.Deregister()


def _listen() -> queue.SimpleQueue[dict[str, Any]]:
    """Start a thread that queues requests, and ends the process at once when the parent is gone."""
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _answer(message: dict[str, Any], limits: Limits) -> dict[str, Any]:
    request = Request(
        source=Path(message["source"]),
        target=Path(message["target"]),
        bands=Bands(message["bands"]),
        profile=profile_from(message["profile"]),
        provenance=message["provenance"],
        area=None if message["area"] is None else tuple(message["area"]),
        limits=limits,
        threads=message["threads"],
    )
    gdal.SetConfigOption("GDAL_NUM_THREADS", str(request.threads))
    before = _cpu_seconds()
    _allow_cpu(before + limits.cpu_s)
    _reset_peak()
    try:
        built = build_frame(request)
    except InvalidFrameError as err:
        return {"rejected": err.reason.value, "detail": err.detail}
    except VerificationError as err:
        return {"proof": str(err)}
    except MemoryError as err:
        return {"heavy": str(err) or "out of memory"}
    except OSError as err:
        return {"unavailable": str(err)}
    except RuntimeError as err:
        return {"heavy" if _out_of_memory(err) else "fault": str(err)}
    facts = asdict(built) | {"footprint_wkb": base64.b64encode(built.footprint_wkb).decode()}
    return {"built": facts | {"cpu_s": round(_cpu_seconds() - before, 3), "peak_rss": _peak()}}


def _out_of_memory(err: RuntimeError) -> bool:
    return "out of memory" in str(err).lower() or "cannot allocate" in str(err).lower()


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _allow_cpu(until_s: float) -> None:
    """Let the kernel end this process when it has used that many CPU seconds in its whole life."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(until_s) + 1, resource.RLIM_INFINITY))


def _reset_peak() -> None:
    """Make the kernel forget the highest memory use of earlier frames, where a container lets us."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    """Return the highest resident memory since the last reset, bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
