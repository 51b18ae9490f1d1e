"""Run every lane of tests that `make test` leaves out, and write what came of each: `python -m tools.lanes`, or `make lanes`.

A lane is a target of the Makefile. Its last line of figures, its minutes and the date go into docs/verification.md, whether it passed or
not. Names of lanes as arguments run these alone; the others keep their lines.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cogmill.config.places import PROJECT as ROOT

LANES = {
    "test-long": "1,000 examples of the state machine, 50 rounds of two runs, canary secrets in all DAGs, operations on a stack of their own",
    "test-oldest-airflow": "DAGs, operators, the page and a whole stack with the oldest Airflow and providers that `requirements.txt` allows",
    "faults": "everything fails in turn: S3, PostgreSQL, disks, notifications, Airflow's components",
    "clients": "QGIS, JOSM and web maps draw a collection, and are compared with the ground",
    "fuzz-uploads": "2,000 spoiled uploads in all codecs",
    "fuzz-maps": "10,000 random map requests",
    "ansible-test": "the roles on fresh machines, in containers",
    "compose-test": "images, `docker-compose.yaml`, a killed worker",
    "compose-scale": "400 frames with one worker slot and with two workers",
    "compose-bars": "the tests without a stack, with the versions of Debian 13",
    "bench-scale": "a ledger of a million frames, and Airflow with 3,000 collections, against their bars",
}
"""Targets of the Makefile that `make test` does not run, and what each covers."""

DOCUMENT = ROOT / "docs" / "verification.md"

NEVER = "not by this command yet"

SHOWN = 80
"""Lines of a failed lane's output that are shown."""

_MARKS = re.compile(r"(<!-- lanes: .*? -->\n).*?(<!-- /lanes -->)", re.DOTALL)
_MAKE = re.compile(r"make(\[\d+\])?: ")
_ROW = re.compile(r"^\| `make ([a-z-]+)` \| [^|]* \| ([^|]*) \|$", re.MULTILINE)


def main(wanted: Sequence[str]) -> int:
    """Run lanes, all by default, one after another; return how many failed, 2 for a name that is none."""
    unknown = set(wanted) - set(LANES)
    if unknown:
        sys.stderr.write(f"no lane: {', '.join(sorted(unknown))}; there are {', '.join(LANES)}\n")
        return 2
    failed = 0
    for lane in wanted or LANES:
        result, passed = run(["make", lane])
        failed += not passed
        write(DOCUMENT, {lane: f"{dt.datetime.now(dt.UTC):%Y-%m-%d}: {result}"})
        sys.stdout.write(f"{lane}: {result}\n")
    return failed


def run(command: Sequence[str]) -> tuple[str, bool]:
    """Run one lane; return its minutes with the last line it printed, and whether it passed."""
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    # what make itself says of its folders and errors comes after the figures
    said = [line for line in done.stdout.splitlines() if not _MAKE.match(line)]
    printed = [line.strip(" =") for line in said if line.strip(" =")]
    last = (printed[-1] if printed else "nothing was printed").replace("|", "/")[:160]
    if done.returncode:
        sys.stderr.write("\n".join([*said[-SHOWN:], ""]))
    state = "passed" if done.returncode == 0 else f"FAILED with {done.returncode}"
    return f"{state} in {(time.monotonic() - begun) / 60:.0f} min, {last}", done.returncode == 0


def table(results: dict[str, str]) -> str:
    """Return the table of all lanes with what came of each."""
    rows = [f"| `make {lane}` | {what} | {results.get(lane, NEVER)} |" for lane, what in LANES.items()]
    return "\n".join(["", "| lane | what | last run |", "|---|---|---|", *rows, "", ""])


def write(document: Path, results: dict[str, str]) -> None:
    """Write results into a document, between its marks; lanes without a new result keep their lines."""
    text = document.read_text(encoding="utf-8")
    known = dict(_ROW.findall(text)) | results
    document.write_text(_MARKS.sub(lambda found: f"{found[1]}{table(known)}{found[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
