"""The tables of docs/hosts.md and of the roles' README.md, from their defaults and specifications.

`python -m tests.ansible.options` writes them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/hosts.md"
ROLES = ("s3fs", "mapserver", "cogmill_db", "airflow_worker")
BLOCKS = ("", ">-", "|")
"""What stands behind the colon when the value follows on the next lines."""
MARKS = re.compile(r"(<!-- options[^>]* -->\n).*(<!-- /options -->)", re.DOTALL)


class Option(NamedTuple):
    """An option of a role: the default as it is written, and what it means."""

    name: str
    default: str
    kind: str
    required: bool
    meaning: str


def readme(role: str) -> Path:
    """Return the page of a role."""
    return ROOT / "ansible/roles" / role / "README.md"


def specified(role: str) -> dict[str, Any]:
    """Return the options of a role as its argument_specs.yml declares them."""
    specs = yaml.safe_load((ROOT / f"ansible/roles/{role}/meta/argument_specs.yml").read_text())
    declared: dict[str, Any] = specs["argument_specs"]["main"]["options"]
    return declared


def options(role: str) -> list[Option]:
    """Return the options of a role in the order of its defaults; one without a comment has the description of its specification."""
    declared = specified(role)
    rows: list[Option] = []
    comment: list[str] = []
    for line in (ROOT / "ansible/roles" / role / "defaults/main.yml").read_text().splitlines():
        if found := re.match(r"(\w+): ?(.*)", line):
            name, default = found[1], found[2] if found[2] not in BLOCKS else ""
            spec = declared.get(name, {})
            meaning = " ".join(comment) or spec.get("description", "")
            rows.append(Option(name, default, spec.get("type", ""), spec.get("required", False), meaning))
            comment = []
        elif line.startswith("# ") and not line.endswith("-----"):
            comment.append(line[2:].strip())
        elif not line:
            comment = []
    return rows


def _default(option: Option) -> str:
    """Return the cell of a default; a bar inside would end it."""
    return f"`{option.default}`".replace("|", r"\|") if option.default else "see the file"


def tables() -> str:
    """Return the tables of all roles."""
    parts = []
    for role in ROLES:
        lines = [f"| `{option.name}` | {_default(option)} | {option.meaning} |" for option in options(role)]
        parts.append("\n".join([f"### {role}", "", "| option | default | meaning |", "|---|---|---|", *lines]))
    return "\n\n".join(parts)


def table(role: str) -> str:
    """Return the table of one role, with types and with what is required."""
    lines = [
        f"| `{option.name}` | {option.kind} | {'**required**' if option.required else _default(option)} | {option.meaning} |"
        for option in options(role)
    ]
    return "\n".join(["| variable | type | default | meaning |", "|---|---|---|---|", *lines])


def filled(page: str, content: str) -> str:
    """Return a page with today's tables between its marks."""
    return MARKS.sub(lambda marks: f"{marks[1]}\n{content}\n\n{marks[2]}", page)


def pages() -> dict[Path, str]:
    """Return the pages and what stands between their marks."""
    return {PAGE: tables()} | {readme(role): table(role) for role in ROLES}


if __name__ == "__main__":
    for path, content in pages().items():
        path.write_text(filled(path.read_text(), content))
