"""How long `cogmill site check` takes for a list of keys, and how much memory: `python -m bench.site_check [KEYS]`."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

KEYS = 1_000_000
FRAMES_PER_COLLECTION = 333
WRONG = 50
"""Every so manyeth key lies in a folder that does not fit."""


def keys(count: int) -> Iterator[str]:
    """Yield keys of an archive of many collections, some of them wrong."""
    for number in range(count):
        collection = number // FRAMES_PER_COLLECTION
        stage = "Georef" if number % WRONG == 0 else ("scanned" if number % 3 == 0 else "georef")
        day = f"{1 + collection % 12:02d}-{1 + number % 28:02d}-{35 + collection % 60}"
        yield f"bw/County{collection // 12}/USDA_{1935 + collection % 60}/frames/{stage}/{day}_{number % 40}-{number}.tif"


def main() -> int:
    """Make the list, check it in a process of its own, and print wall clock, CPU time and peak of memory."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else KEYS
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "keys.txt")
        with listed.open("w", encoding="utf-8") as out:  # line by line: what this process holds counts for its children
            out.writelines(f"{key}\n" for key in keys(count))
        for options in ([], ["--json"]):
            begun = time.monotonic()
            command = [
                sys.executable,
                "-m",
                "cogmill.maintenance.site_check",
                "site",
                "check",
                "--keys",
                str(listed),
                *options,
            ]
            output = os.open(Path(folder, "out"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            process = os.posix_spawn(
                sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, output, 1)]
            )
            _, status, usage = os.wait4(process, 0)
            os.close(output)
            print(
                f"{count} keys {' '.join(options) or 'as tables'}: {time.monotonic() - begun:.1f} s, CPU {usage.ru_utime + usage.ru_stime:.1f} s,"
                f" at most {usage.ru_maxrss / 1024:.0f} MiB, exit {os.waitstatus_to_exitcode(status)}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
