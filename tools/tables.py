"""Write the tables that follow from the code: `python -m tools.tables`. `tests/test_docs.py` fails when one is out of date."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

from cogmill.config.collection_files import KEYS, CollectionConfig
from cogmill.config.places import PROJECT as ROOT
from cogmill.config.settings import Settings, variable
from cogmill.domain.errors import ADVICE
from pydantic import BaseModel
from pydantic_settings import BaseSettings

from demo.stack.settings import StackSettings

README = ROOT / "README.md"
REJECTIONS = ROOT / "docs" / "rejections.md"
ENV_EXAMPLE = ROOT / ".env.example"
COMPOSE = ROOT / "docker-compose.yaml"

GROUPS = [group for group in Settings.__bases__ if group is not BaseSettings]
"""Models of the program's settings, in the order in which people read them; the docstring of each is its heading."""

COLLECTION_FILES = ROOT / "include" / "collections" / "README.md"

_MARKS = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- /settings -->)", re.DOTALL)
_KEY_MARKS = re.compile(r"(<!-- keys: .*? -->\n).*?(<!-- /keys -->)", re.DOTALL)
_COMPOSE_MARKS = re.compile(r"( *# settings: .*?\n)(.*?)( *# /settings\n)", re.DOTALL)


def settings(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Yield variable, default and meaning of a model's own fields; the meaning is the string below each field."""
    for name, meaning in _field_docs(model).items():
        default = model.model_fields[name].get_default()
        yield variable(name), _shown(default), " ".join(meaning.split())


def heading(group: type[BaseModel]) -> str:
    """Return the heading of a group of settings."""
    return str(group.__doc__).removesuffix(".")


def readme() -> str:
    """Return README with its settings tables."""
    lines = []
    for group in GROUPS:
        rows = [
            f"| `{name}` | {default and f'`{default}`'} | {meaning} |" for name, default, meaning in settings(group)
        ]
        lines += ["", f"### {heading(group)}", "", "| variable | default | meaning |", "|---|---|---|", *rows]
    tables = "\n".join([*lines, "", ""])
    return _MARKS.sub(lambda found: f"{found[1]}{tables}{found[2]}", README.read_text())


def compose() -> str:
    """Return `docker-compose.yaml` with every setting that has no default of its own there handed on to Airflow."""
    text = COMPOSE.read_text()
    (airflow,) = re.findall(r"^x-airflow:.*?(?=^\S)", _COMPOSE_MARKS.sub("", text), re.DOTALL | re.MULTILINE)
    given = set(re.findall(r"^    (COGMILL_\w+):", airflow, re.MULTILINE))
    names = [name for group in GROUPS for name, _, _ in settings(group) if name not in given]
    lines = "".join(f"    {name}: ${{{name}:-}}\n" for name in names)
    return _COMPOSE_MARKS.sub(lambda found: f"{found[1]}{lines}{found[3]}", text)


def collection_files() -> str:
    """Return the page on collection files with its table of keys."""
    docs = _field_docs(CollectionConfig)
    rows = [f"| `{name}` | {docs[name]} |" for name in docs if name in KEYS[""]]
    table = "\n".join(["| key | meaning |", "|---|---|", *rows, ""])
    return _KEY_MARKS.sub(lambda found: f"{found[1]}{table}{found[2]}", COLLECTION_FILES.read_text())


def rejections() -> str:
    """Return the page of reasons and advice."""
    rows = [f"| `{reason}` | {advice} |" for reason, advice in ADVICE.items()]
    head = [
        "# Why a frame is rejected, and what its uploader should do",
        "",
        "A rejected frame is recorded in the ledger, shown pink in the run's Grid view and listed in the run's report.",
        "It is never retried by itself: a new upload under the same key is a new try.",
        "Where the key tells more, so does the advice: where a misplaced file belongs, or that [its format](site.md#other-formats-than-geotiff) is not taken.",
        "",
        "| reason | advice |",
        "|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


def env_example() -> str:
    """Return `.env.example`: every setting with its default, commented out."""
    program = {variable(name) for name in Settings.model_fields}
    others = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE.read_text()))
    groups = {heading(group): list(settings(group)) for group in GROUPS} | {
        "The embedded stack (make demo, make stack); credentials are for this machine's loopback only": [
            entry for entry in settings(StackSettings) if entry[0] not in program
        ],
        "docker compose, beside those of the program; docs/containers.md says what they mean, and passwords are for trying out": [
            (name, default, "") for name, default in sorted(others.items()) if name not in program
        ],
    }
    lines = ["# Copy to .env and change what you need. These are the defaults; an empty value counts as not set."]
    for title, entries in groups.items():
        lines += ["", f"# --- {title}"]
        for name, default, meaning in entries:
            lines += ["", *([f"# {meaning}"] if meaning else []), f"#{name}={default}"]
    return "\n".join([*lines, ""])


def _field_docs(model: type[BaseModel]) -> dict[str, str]:
    (definition,) = ast.parse(inspect.getsource(model)).body
    if not isinstance(definition, ast.ClassDef):
        raise TypeError(f"{model} is no class")
    docs: dict[str, str] = {}
    for statement, following in zip(definition.body, [*definition.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            literal = following.value if isinstance(following, ast.Expr) else None
            docs[statement.target.id] = literal.value if isinstance(literal, ast.Constant) else ""
    return {name: text for name, text in docs.items() if name in model.model_fields}


def _shown(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, Path):
        return str(default.relative_to(ROOT)) if default.is_relative_to(ROOT) else str(default)
    if hasattr(default, "get_secret_value"):
        return str(default.get_secret_value())
    return json.dumps(default) if isinstance(default, list | tuple) else str(default)


PAGES = {
    README: readme,
    REJECTIONS: rejections,
    COLLECTION_FILES: collection_files,
    COMPOSE: compose,
    ENV_EXAMPLE: env_example,
}
"""Pages with generated parts, in the order in which they are written: `.env.example` reads `docker-compose.yaml`."""

if __name__ == "__main__":
    for page, text in PAGES.items():
        page.write_text(text())
