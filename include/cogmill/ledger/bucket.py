"""Which bucket the ledger belongs to, and how a person gives it to another: `python -m cogmill.ledger.bucket`.

Without an argument the command tells the bucket. With one it binds the ledger to that bucket, to which the objects of the archive must
have been copied before, and with two to a bucket and one of its own for what is public; `--take-over` also replaces the ledger that
they name, which must be gone for good.
Connects as `python -m cogmill.ledger.migrate` does, by libpq's own environment.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import psycopg

from cogmill.domain.errors import ServiceUnavailableError
from cogmill.ledger.connection import Part
from cogmill.ledger.connection.silence import SILENCE_S, TimeLimits, watch


@dataclass(frozen=True, slots=True)
class Identity:
    """The ledger's own id and its bucket."""

    id: str
    bucket: str | None
    """Its name, with a slash and the prefix where there is one, then a blank and the public bucket where there is one; None before the first use."""
    take_over: bool
    """A person said that the ledger which the bucket names is gone."""


class BucketBinding(Part):
    """The bond between the ledger and its one bucket."""

    def identity(self) -> Identity:
        """Return the ledger's id and bucket."""
        (row,) = self._rows("read_identity")
        return Identity(**row)

    def bind(self, bucket: str) -> None:
        """Record the bucket that the ledger belongs to from now on."""
        self._rows("bind_bucket", bucket=bucket)

    def newest_cogs(self, at_most: int) -> list[str]:
        """Return the keys of some published COGs."""
        return [row["cog_key"] for row in self._rows("newest_cogs", at_most=at_most)]

    def give_to(self, bucket: str, *, take_over: bool = False) -> int:
        """Give the ledger to another bucket, as a person asked; return how many index rows the next runs write again.

        Args:
            bucket: As in `Identity`; it is looked at when the archive is opened the next time.
            take_over: Replace the ledger that this bucket names.
        """
        (row,) = self._rows("give_to_bucket", bucket=bucket, take_over=take_over)
        frames: int = row["frames"]
        return frames


def main(arguments: list[str] | None = None) -> int:
    """Show or change the bucket of the ledger that libpq's environment names."""
    parser = argparse.ArgumentParser(
        prog="python -m cogmill.ledger.bucket", description="Show or change the bucket of a ledger."
    )
    parser.add_argument(
        "bucket",
        nargs="?",
        type=lambda place: place.rstrip("/"),
        help="the bucket, or bucket/prefix, to which all objects of the archive have been copied",
    )
    parser.add_argument(
        "public",
        nargs="?",
        help="bucket of its own for what is public (COGMILL_PUBLIC_BUCKET), to which that has been copied; none: all lies in the first",
    )
    parser.add_argument(
        "--take-over", action="store_true", help="the other ledger that this bucket names is gone for good"
    )
    asked = parser.parse_args(arguments)
    if asked.take_over and not asked.bucket:
        parser.error("--take-over needs the name of the bucket")
    try:
        with psycopg.connect(**TimeLimits().parameters(autocommit=True)) as connection:
            watch(connection, SILENCE_S)
            place = " ".join(filter(None, [asked.bucket, asked.public])) or None
            sys.stdout.write(_answer(BucketBinding(connection), place, take_over=asked.take_over))
    except (psycopg.OperationalError, ServiceUnavailableError) as err:
        sys.stderr.write(f"cannot reach the database named by the PG* variables: {err}\n")
        return 1
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as err:
        sys.stderr.write(
            f"the database named by the PG* variables has no ledger of this release, or not for this role: {err}\n"
            "Run `python -m cogmill.ledger.migrate` as its owner first.\n"
        )
        return 1
    return 0


def _answer(binding: BucketBinding, bucket: str | None, *, take_over: bool) -> str:
    before = binding.identity()
    if bucket is None:
        return f"ledger {before.id} belongs to {before.bucket or 'no bucket yet; it takes the first that it meets'}\n"
    frames = binding.give_to(bucket, take_over=take_over)
    return f"ledger {before.id}: {before.bucket or 'no bucket'} -> {bucket}; {frames} index rows are written again by the next runs\n"


if __name__ == "__main__":
    sys.exit(main())
