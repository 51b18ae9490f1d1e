"""The local MapServer program, asked as a CGI about one draft mapfile in a private folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from cogmill.config.places import TEMPLATES
from cogmill.domain.errors import ServiceUnavailableError, VerificationError

CONFIG = """CONFIG
  ENV
    MS_MAP_NO_PATH "1"
  END
  MAPS
    draft "{mapfile}"
  END
END
"""
"""Configuration of MapServer for a draft: it knows one mapfile and takes no path."""

SKIPPED_FORMATS = re.compile(r'(?m)^ *GDAL_SKIP "([^"]*)"$')
"""The line of the public MapServer's configuration that names the formats it does not open."""

OUTAGE = re.compile(
    r"Database connection failed|postgis_version\(\)\) in|canceling statement|terminating connection"
    r"|server closed the connection|CURL error|HTTP response code: (?:429|5\d\d)"
)
"""What MapServer and GDAL say when PostGIS or S3 cannot do their part, as against a fault in what they were asked for."""

MISSING_COG = re.compile(r"missing file '[^']*' for layer '[^']*' \.\.\. (.*)")
"""What MapServer says about a COG it cannot open, with GDAL's words about the cause unless a SHAPEPATH stands in the mapfile."""

SHAPEPATH = re.compile(r"(?m)^ *SHAPEPATH .*\n")
"""The whole line of a mapfile."""

SECRET_NAME = re.compile(r"SECRET|PASSWORD|TOKEN|KEY_ID", re.IGNORECASE)
"""Environment variables whose value must never be repeated."""


@dataclass(frozen=True, slots=True)
class MapServerRunner:
    """How to start the local MapServer."""

    environment: Mapping[str, str] = field(repr=False)
    """Its whole environment: where the libpq service `cogmill` is described, and how GDAL reaches S3."""
    program: str = "mapserv"
    timeout_s: float = 45.0
    """Wall-clock seconds for one answer."""

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise ValueError(f"MapServer needs time to answer: {self.timeout_s} s")


@dataclass(frozen=True, slots=True)
class Answer:
    """What MapServer said to one request."""

    content_type: str
    """Without parameters: `image/png`."""
    body: bytes
    log: str
    """What it wrote to its error log. May hold paths: never show it as it is."""
    asked: Mapping[str, str | int] = field(default_factory=dict)
    """The parameters it answered."""


@dataclass(frozen=True, slots=True)
class DraftServer:
    """One mapfile in a private folder, and the program that serves it."""

    program: str
    folder: Path
    runner: MapServerRunner

    def ask(self, **parameters: str | int) -> Answer:
        """Return the answer to one WMS request.

        Raises:
            ServiceUnavailableError: MapServer cannot be started, or is too slow.
        """
        environment = {
            **self.runner.environment,
            **closed_formats(),
            "MAPSERVER_CONFIG_FILE": str(self.folder / "mapserver.conf"),
            "MS_ERRORFILE": "stderr",
            "MS_DEBUGLEVEL": "1",  # else missing COGs are passed over in silence
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": urlencode({"map": "draft", "service": "WMS", **parameters}),
        }
        try:
            done = subprocess.run(
                [self.program],
                env=environment,
                cwd=self.folder,
                capture_output=True,
                check=False,
                timeout=self.runner.timeout_s,
            )
        except subprocess.TimeoutExpired as err:
            raise ServiceUnavailableError(f"MapServer gave no answer within {self.runner.timeout_s:g} s") from err
        except OSError as err:
            raise ServiceUnavailableError(f"MapServer cannot be started: {err.strerror}") from err
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        content_type = re.search(rb"(?im)^content-type: *([^\r;]+)", head)
        log = done.stderr.decode(errors="replace")
        return Answer(content_type[1].decode() if content_type else "", body, log, parameters)

    def expect(self, content_type: str, **parameters: str | int) -> Answer:
        """Return an answer of the wanted type; MapServer reports errors with status 200 and another type."""
        answer = self.ask(**parameters)
        if answer.content_type != content_type:
            raise self.failure(f"{parameters['request']} answered {answer.content_type or 'nothing'}", answer)
        return answer

    def failure(self, fault: str, answer: Answer) -> VerificationError | ServiceUnavailableError:
        """Return the exception for a bad answer: our fault, or the world's. Ends the verification: the draft is not the same after it."""
        if MISSING_COG.search(answer.log):
            answer = self._ask_without_shapepath(answer)
            if not MISSING_COG.search(answer.log):
                return ServiceUnavailableError(f"{fault}: a COG could not be opened, and could a moment later")
        message = f"{fault}: {self._reason(answer)}"
        return (ServiceUnavailableError if OUTAGE.search(answer.log) else VerificationError)(message)

    def _ask_without_shapepath(self, answer: Answer) -> Answer:
        """Ask the same again without the line SHAPEPATH.

        With it MapServer tries a COG at two places and drops what GDAL said about the first, by which an outage of S3 is told
        from a lost COG. What was verified is what will be published; only the question why goes to another text.
        """
        draft_map = self.folder / "draft.map"
        draft_map.write_text(SHAPEPATH.sub("", draft_map.read_text(encoding="utf-8")), encoding="utf-8")
        return self.ask(**answer.asked)

    def _reason(self, answer: Answer) -> str:
        """Return what MapServer says about the cause, without paths, addresses of the bucket and credentials."""
        missing = MISSING_COG.findall(answer.log)
        said = next(iter(missing), None) or _exception_text(answer) or "no reason given"
        # The exception of a failed query only points at the log.
        if query := re.search(
            r"(?s)Database connection failed \((.*?)\) with|Error \((ERROR:.*?)\) executing", answer.log
        ):
            said = query[1] or query[2]
        for name, value in self.runner.environment.items():
            if SECRET_NAME.search(name) and value:
                said = said.replace(value, "***")
        said = re.sub(r"(?<![\w<])/(?:[^\s'\"<>:]+/)+[^\s'\"<>:]*", "(path)", said)
        return " ".join(said.split())[:500]


@contextmanager
def serve_draft(mapfile: str, runner: MapServerRunner) -> Iterator[DraftServer]:
    """Serve a mapfile to nobody but the caller.

    Raises:
        ServiceUnavailableError: The program is not installed.
    """
    program = shutil.which(runner.program)
    if program is None:
        raise ServiceUnavailableError(f"MapServer cannot be started: no program {Path(runner.program).name}")
    with tempfile.TemporaryDirectory(prefix="cogmill-verify-") as name:
        folder = Path(name)
        (folder / "draft.map").write_text(mapfile, encoding="utf-8")
        (folder / "mapserver.conf").write_text(CONFIG.format(mapfile=folder / "draft.map"), encoding="utf-8")
        yield DraftServer(program, folder, runner)


@cache
def closed_formats() -> dict[str, str]:
    """Return the environment in which GDAL opens GeoTIFF and nothing else, as on map hosts."""
    line = SKIPPED_FORMATS.search((TEMPLATES / "mapserver.conf.j2").read_text(encoding="utf-8"))
    if line is None:
        raise ValueError("mapserver.conf.j2 names no GDAL_SKIP")
    return {"GDAL_SKIP": line[1], "GDAL_DRIVER_PATH": "disable"}


def _exception_text(answer: Answer) -> str:
    """Return the words inside MapServer's error page, XML or HTML."""
    page = re.sub(r"(?s)<!--.*?-->|<TITLE>.*?</TITLE>|<[^>]*>", " ", answer.body.decode(errors="replace"))
    return " ".join(page.split())
