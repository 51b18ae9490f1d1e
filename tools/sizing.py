"""Write the tables of `docs/sizing.md`: `python -m tools.sizing`; its options are the prices and the archive."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, fields
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "sizing.md"
ARCHIVES = (10_000, 100_000, 1_000_000, 10_000_000)
MONTH_H = 730

_MARKS = re.compile(r"(<!-- archives: .*? -->\n).*?(<!-- /archives -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one frame of 7,200 x 7,200 gray pixels needs; each figure's origin stands in the page."""

    engine_cpu_s: float = 4.1
    airflow_cpu_s: float = 0.33
    upload_mb: float = 44.6
    cog_mb: float = 39.4
    gets: float = 1.0
    puts: float = 1.0
    ledger_kb: float = 6.0


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars; public price list of AWS for us-east-1, on demand, read in 2026. They change: give your own."""

    cpu_h: float = 0.0363
    storage_gb_month: float = 0.023
    puts_1000: float = 0.005
    gets_1000: float = 0.0004
    cores: int = 64


def archive(frames: int, one: Measured, price: Prices) -> list[str]:
    """Return the cells of one archive: building it once, then keeping it."""
    cpu_h = frames * (one.engine_cpu_s + one.airflow_cpu_s) / 3600
    stored_gb = frames * (one.upload_mb + one.cog_mb) / 1000
    requests = frames * (one.puts * price.puts_1000 + one.gets * price.gets_1000) / 1000
    lists = 2 * frames / 1000  # uploads and COGs, a thousand keys each
    return [
        f"{frames:,}",
        f"{cpu_h:,.0f}",
        f"{cpu_h / price.cores / 24:,.1f}",
        f"{cpu_h * price.cpu_h:,.0f}",
        f"{frames * (one.gets + one.puts):,.0f}",
        f"{requests:,.0f}",
        f"{lists:,.0f}",
        f"{lists / 1000 * price.puts_1000:,.2f}",
        f"{stored_gb / 1000:,.1f}",
        f"{stored_gb * price.storage_gb_month:,.0f}",
        f"{frames * one.ledger_kb / 1e6:,.1f}",
    ]


def table(price: Prices) -> str:
    """Return the table of archives, a column each."""
    names = [
        "frames",
        "CPU hours to build all",
        f"days on {price.cores} cores",
        "CPU, $",
        "GET and PUT to build all",
        "these, $",
        "LIST of one full sweep",
        "one full sweep, $",
        "uploads and COGs, TB",
        "keeping them, $ a month",
        "ledger, GB",
    ]
    columns = [archive(frames, Measured(), price) for frames in ARCHIVES]
    rows = [f"| {' | '.join(row)} |" for row in zip(names, *columns, strict=True)]
    return "\n".join([rows[0], "|---" + "|---:" * len(columns) + "|", *rows[1:], ""])


def page(price: Prices | None = None) -> str:
    """Return the page with its table."""
    found = table(price or Prices())
    return _MARKS.sub(lambda match: f"{match[1]}{found}{match[2]}", PAGE.read_text(encoding="utf-8"))


def main() -> None:
    """Write the page; with prices of one's own, print the table alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    for field in fields(Prices):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    price = Prices(**vars(parser.parse_args()))
    if price == Prices():
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(table(price))  # noqa: T201  # asked for


if __name__ == "__main__":
    main()
