"""The tables of docs/hosts.md, from the comments in the roles' defaults. `python tests/ansible/options.py` writes them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/hosts.md"
ROLES = ("s3fs", "mapserver", "cogmill_db", "airflow_worker")
BLOCKS = ("", ">-", "|")
"""What stands behind the colon when the value follows on the next lines."""
MARKS = re.compile(r"(<!-- options -->\n).*(<!-- /options -->)", re.DOTALL)


def options(role: str) -> list[tuple[str, str, str]]:
    """Return name, default and reason of each option of a role; an option without a comment has that of the one above."""
    rows: list[tuple[str, str, str]] = []
    said: list[str] = []
    for line in (ROOT / "ansible/roles" / role / "defaults/main.yml").read_text().splitlines():
        if found := re.match(r"(\w+): ?(.*)", line):
            rows.append(
                (found[1], found[2] if found[2] not in BLOCKS else "see the file", " ".join(said) or "as above")
            )
            said = []
        elif line.startswith("# ") and not line.endswith("-----"):
            said.append(line[2:].strip())
        elif not line:
            said = []
    return rows


def tables() -> str:
    """Return the tables of all roles."""
    parts = []
    for role in ROLES:
        lines = [f"| `{name}` | `{default}` | {why} |" for name, default, why in options(role)]
        parts.append("\n".join([f"### {role}", "", "| option | default | why |", "|---|---|---|", *lines]))
    return "\n\n".join(parts)


def filled(page: str) -> str:
    """Return the page with today's tables."""
    return MARKS.sub(lambda marks: f"{marks[1]}\n{tables()}\n\n{marks[2]}", page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
