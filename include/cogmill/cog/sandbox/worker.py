"""The process that touches uploads: `python -m cogmill.cog.sandbox.worker LIMITS [FORMAT ...]`.

Reads requests from standard input and writes answers to standard output, see `protocol`. Whatever an upload does to it
(crash, exhaust memory, hang) ends with this process and is judged by its parent, `engine`.

What libraries would import with the first frame is imported here: later the worker may not read where they are, as when the task runs
as root from an environment that is closed to all others.
"""

from __future__ import annotations

import contextlib
import email.parser  # noqa: F401
import encodings.ascii  # noqa: F401
import os
import queue
import resource
import sys
import threading
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy.ma  # noqa: F401
from osgeo import gdal, gdal_array, ogr, osr  # noqa: F401

from cogmill.cog.build_frame import build_frame
from cogmill.cog.draw_scan import draw_scan
from cogmill.cog.fingerprint import gdal_version, opencv_version
from cogmill.cog.output.verify_foreign import verify_foreign
from cogmill.cog.sandbox.confinement import confine
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.protocol import (
    Answer,
    DrawRequest,
    Failed,
    Ready,
    Rejected,
    Request,
    ResourceLimit,
    Unavailable,
    Unverified,
    VerifyRequest,
    decode_limits,
    decode_request,
    encode_answer,
)
from cogmill.cog.source.open_file import READERS
from cogmill.domain.errors import InvalidFrameError, VerificationError
from cogmill.domain.layout.formats import Format
from cogmill.domain.model import BuiltCog, DrawnScan

DRIVERS = {"GTiff", "COG", "MEM", "VRT"}
"""All that is ever needed beside the readers of other formats that the site takes: GTiff reads uploads, COG writes, MEM holds, VRT is how
the COG driver reads its source."""

MAPPED = 6
"""Address space for the files of a streamed frame, in decoded sizes: source, warp, masks, overviews, at any angle."""

CONFIG = {
    "GDAL_PAM_ENABLED": "NO",  # no .aux.xml is read or written
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .ovr, .msk or world file beside the upload is seen
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_TIFF_INTERNAL_MASK": "YES",
    "GDAL_CACHEMAX": "16",  # MB; pixels live in arrays, the block cache only passes them on
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "GDAL_MEM_ENABLE_OPEN": "YES",  # our own arrays by their address; uploads are opened by the driver of their format only
    "GTIFF_VIRTUAL_MEM_IO": "NO",
    "OGR_ENABLE_PARTIAL_REPROJECTION": "NO",
}
"""GDAL's configuration in the worker."""


def main() -> None:
    """Answer requests until the parent hangs up."""
    limits = decode_limits(sys.argv[1])
    _limit(limits)
    _configure([Format(name) for name in sys.argv[2:]])
    gdal_version(), opencv_version()  # read from where the packages are, and remembered
    refused = confine(Path(os.environ["TMPDIR"]), MAPPED * limits.decoded_bytes)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not look like an answer
        lines = _listen()
        _send(answers, Ready(gdal.VersionInfo("RELEASE_NAME"), ", ".join(refused)))
        try:
            while True:
                _send(answers, _answer(decode_request(lines.get()), limits))
        except Exception:  # noqa: BLE001 - whatever it is
            # Our fault. Python would end by SIGABRT here, since a thread still waits for input, and a signal is the upload's.
            traceback.print_exc()
            os._exit(1)


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    space = limits.memory_bytes + (
        MAPPED * limits.decoded_bytes if limits.decoded_bytes > limits.in_memory_bytes else 0
    )
    resource.setrlimit(resource.RLIMIT_AS, (space, space))


def _configure(formats: Iterable[Format]) -> None:
    """Set the libraries up, and leave no driver of GDAL that is not needed for TIFF or one of these formats."""
    cv2.setNumThreads(0)  # the threads are ours: as many as the task has slots
    for module in (gdal, ogr, osr):
        module.UseExceptions()
    for key, value in CONFIG.items():
        gdal.SetConfigOption(key, value)
    needed = DRIVERS | {READERS[each].driver for each in formats}
    for number in reversed(range(gdal.GetDriverCount())):
        driver = gdal.GetDriver(number)
        if driver.ShortName not in needed:
            driver.Deregister()


def _listen() -> queue.SimpleQueue[bytes]:
    """Start a thread that queues the lines of requests, and ends the process at once when the parent is gone."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _send(answers: BinaryIO, answer: Answer) -> None:
    answers.write(encode_answer(answer))
    answers.flush()


def _answer(request: Request, limits: Limits) -> Answer:
    """Answer one request, and say how that ended."""
    gdal.SetConfigOption("GDAL_NUM_THREADS", str(request.threads))
    before = _cpu_seconds()
    _allow_cpu(before + limits.cpu_s)
    _reset_peak()
    try:
        made = _make(request, limits)
    except InvalidFrameError as err:
        return Rejected(err.reason, err.detail)
    except VerificationError as err:
        return Unverified(str(err))
    except MemoryError as err:
        return ResourceLimit(str(err) or "out of memory")
    except OSError as err:
        return Unavailable(str(err))
    except RuntimeError as err:
        return ResourceLimit(str(err)) if _out_of_memory(err) else Failed(str(err))
    return replace(made, cpu_s=round(_cpu_seconds() - before, 3), peak_rss=_peak())


def _make(request: Request, limits: Limits) -> BuiltCog | DrawnScan:
    match request:
        case DrawRequest():
            return draw_scan(request, limits)
        case VerifyRequest():
            return verify_foreign(request, limits)
        case _:
            return build_frame(request, limits)


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
