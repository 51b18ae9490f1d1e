"""Tell what keys would become by the site file, before anything is uploaded: `cogmill site check`.

Reads keys one after the other, so that a list of a million costs no more memory than its collections do.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from cogmill.aws.own_client import client_of_environment
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import load_settings
from cogmill.config.site import use_site
from cogmill.domain.errors import CogmillError, ConfigurationError
from cogmill.domain.key_reading import Becomes, KeyReading, read_key
from cogmill.domain.layout import formats_in_use, language_in_use, layout_in_use, use_layout
from cogmill.maintenance import install_grids

ROWS = 200
"""Keys that the table shows one by one; of more, it shows the collections and what was rejected, unless all are asked for."""

EXAMPLES = 20
"""Rejected keys that are shown of each reason."""

COLUMNS = ("key", "becomes", "collection", "date", "days", "roll", "frame")

REJECTED, MISTAKE = 1, 2
"""Codes with which the command ends when some key would be rejected, and when it could not look at all."""


@dataclass(slots=True)
class CollectionTally:
    """What would become of one collection."""

    frames: int = 0
    scans: int = 0
    undated: int = 0
    """Frames of which nothing tells a year."""
    first_day: dt.date | None = None
    last_day: dt.date | None = None


@dataclass(slots=True)
class KeyTally:
    """What all keys would become."""

    becomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    collections: dict[str, CollectionTally] = field(default_factory=dict)
    rejected: list[KeyReading] = field(default_factory=list)
    """The first ones of each reason."""

    def add(self, reading: KeyReading) -> None:
        """Count one key."""
        self.becomes[reading.becomes] += 1
        if reading.becomes == Becomes.REJECTED:
            reason = str(reading.reason)
            self.reasons[reason] += 1
            if self.reasons[reason] <= EXAMPLES:
                self.rejected.append(reading)
        elif reading.collection is not None:
            self._add_to_collection(reading, self.collections.setdefault(reading.collection, CollectionTally()))

    @staticmethod
    def _add_to_collection(reading: KeyReading, tally: CollectionTally) -> None:
        if reading.becomes == Becomes.SCAN:
            tally.scans += 1
            return
        tally.frames += 1
        if reading.first_day is None or reading.last_day is None:
            tally.undated += 1
            return
        if tally.first_day is None or reading.first_day < tally.first_day:
            tally.first_day = reading.first_day
        if tally.last_day is None or reading.last_day > tally.last_day:
            tally.last_day = reading.last_day


def check_keys(keys: Iterable[str], out: TextIO, *, as_json: bool = False, every: bool = False) -> KeyTally:
    """Write what keys would become, and return it in numbers.

    Args:
        keys: In any order.
        out: Gets one JSON object per line, or tables for people.
        as_json: Which of them.
        every: Whether the table shows each key, however many there are.
    """
    tally = KeyTally()
    shown: list[KeyReading] = []
    for reading in map(read_key, keys):
        tally.add(reading)
        if as_json:
            out.write(json.dumps(reading.as_json()) + "\n")
        elif every or sum(tally.becomes.values()) <= ROWS:
            shown.append(reading)
            if len(shown) > ROWS:
                _write_rows(out, map(_row, shown))
                shown.clear()
    if not as_json:
        few = every or sum(tally.becomes.values()) <= ROWS
        if few and shown:
            _write_rows(out, map(_row, shown), COLUMNS)
        _write_summary(out, tally, rejected=not few)
    return tally


def _row(reading: KeyReading) -> tuple[str, ...]:
    key = reading.key if reading.key.isprintable() else ascii(reading.key)
    if reading.becomes in {Becomes.REJECTED, Becomes.IGNORED}:
        reason = f"{reading.reason}: " if reading.reason else ""
        return key, str(reading.becomes), f"{reason}{reading.detail}. {reading.advice or ''}".strip()
    days = _days(reading.first_day, reading.last_day) if reading.becomes == Becomes.FRAME else ""
    about = (reading.collection, reading.date, days, reading.roll, reading.frame_number)
    return key, str(reading.becomes), *(text or "" for text in about)


def _days(first: dt.date | None, last: dt.date | None) -> str:
    if first is None or last is None:
        return "not known"
    return first.isoformat() if first == last else f"{first.isoformat()}..{last.isoformat()}"


def _write_summary(out: TextIO, tally: KeyTally, *, rejected: bool) -> None:
    if tally.collections:
        out.write("\n")
        rows = (
            (name, str(one.frames), str(one.scans), _days(one.first_day, one.last_day), str(one.undated))
            for name, one in sorted(tally.collections.items())
        )
        _write_rows(out, rows, ("collection", "frames", "scans", "days", "undated"))
    if rejected and tally.rejected:
        out.write("\n")
        _write_rows(out, map(_row, tally.rejected), ("rejected, some of each reason", "", "why"))
    counts = ", ".join(f"{tally.becomes[kind]} {word}" for kind, word in _COUNTED.items())
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(tally.reasons.items()))
    out.write(f"\n{sum(tally.becomes.values())} keys: {counts}{f' ({reasons})' if reasons else ''}\n")


_COUNTED = {
    Becomes.FRAME: "frames",
    Becomes.SCAN: "scans",
    Becomes.REJECTED: "rejected",
    Becomes.IGNORED: "ignored",
}


def _write_rows(out: TextIO, rows: Iterable[tuple[str, ...]], heads: tuple[str, ...] | None = None) -> None:
    lines = [*([heads] if heads else []), *rows]
    widths = [max(len(line[n]) for line in lines if n < len(line) - 1) for n in range(max(map(len, lines)) - 1)]
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
        out.write("  ".join([*cells[: len(line) - 1], line[-1]]).rstrip() + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run `cogmill`: `site check` and `site grids`."""
    parser = argparse.ArgumentParser(prog="cogmill", description="Commands for people who run an archive.")
    site = parser.add_subparsers(required=True).add_parser(
        "site", help="look at the site file, and install what it asks for"
    )
    commands = site.add_subparsers(required=True)
    install_grids.add_command(commands)
    check = commands.add_parser(
        "check", help="tell what keys would become", description="Tell what keys would become by the site file."
    )
    where = check.add_mutually_exclusive_group()
    where.add_argument("--keys", metavar="FILE", help="one key per line; - reads the standard input")
    where.add_argument(
        "--bucket",
        action="store_true",
        help="all keys of COGMILL_BUCKET below COGMILL_PREFIX, with the credentials of AWS_*",
    )
    where.add_argument("--key", action="append", default=[], help="one key; may be given several times")
    check.add_argument("--site", type=Path, metavar="FILE", help="a site file instead of COGMILL_SITE_FILE")
    check.add_argument("--json", action="store_true", help="one JSON object per key and line")
    check.add_argument("--all", action="store_true", help="a row for each key, however many there are")
    check.set_defaults(run=_check)
    asked = parser.parse_args(arguments)
    before = layout_in_use(), language_in_use(), formats_in_use()
    try:
        return int(asked.run(asked))
    except (CogmillError, OSError, UnicodeDecodeError) as err:
        sys.stderr.write(f"{err}\n")
        return MISTAKE
    finally:
        use_layout(*before)


def _check(asked: argparse.Namespace) -> int:
    settings = load_settings()
    if asked.site:
        asked.site.stat()  # which load_site does not miss
    use_site(asked.site or settings.site_file)
    tally = check_keys(_keys(asked), sys.stdout, as_json=asked.json, every=asked.all)
    return REJECTED if tally.becomes[Becomes.REJECTED] else 0


def _keys(asked: argparse.Namespace) -> Iterator[str]:
    if asked.bucket:
        settings = load_settings()
        store = S3Store(client_of_environment(settings.silence_seconds), settings.bucket, settings.prefix)
        yield from (stored.key for page in store.pages() for stored in page.objects)
        return
    yield from asked.key
    if asked.keys:
        with nullcontext(sys.stdin) if asked.keys == "-" else open(asked.keys, encoding="utf-8", newline="\n") as lines:  # noqa: PTH123
            yield from (line.rstrip("\r\n") for line in lines if line.strip())
    elif not asked.key:
        raise ConfigurationError("say which keys: --keys FILE, --key KEY or --bucket")


if __name__ == "__main__":
    sys.exit(main())
