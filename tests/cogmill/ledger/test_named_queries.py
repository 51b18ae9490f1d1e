"""The SQL files and the modules that run them say the same: no query without a use, no use without a query."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import cogmill.ledger
import pytest
from cogmill.ledger.connection import SQL, named_queries, statement
from cogmill.ledger.findings import CHECKS

MODULES = sorted(Path(cogmill.ledger.__file__).parent.rglob("*.py"))
RUNNERS = {"_rows", "_add", "_stream", "_finish"}
ADDED_BY_FINISH = {"id", "etag", "owner"}
"""Parameters that `Frames._finish` fills for its callers."""

NAMES = sorted(name for name in named_queries().available_queries if not name.endswith("_cursor"))


def runs() -> Iterator[tuple[str, str, ast.Call]]:
    """Module, method and call wherever a query is named by a literal."""
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in RUNNERS
                and isinstance(node.args[0], ast.Constant)
            ):
                yield module.stem, node.func.attr, node


def test_every_query_is_used_and_every_use_exists():
    assert {call.args[0].value for _, _, call in runs()} | set(CHECKS) == set(NAMES)


def test_every_query_gets_the_parameters_it_declares():
    wrong = []
    for module, runner, call in runs():
        given = {keyword.arg for keyword in call.keywords}
        if None in given:  # a dictionary: its keys are not here to be read
            continue
        given |= ADDED_BY_FINISH if runner == "_finish" else set()
        declared = set(getattr(named_queries(), call.args[0].value).parameters)
        if given != declared:
            wrong.append((module, call.args[0].value, given ^ declared))

    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_every_query_says_in_a_sentence_what_it_is_for(name):
    assert (getattr(named_queries(), name).__doc__ or "").strip()


def test_queries_stand_in_the_file_of_the_module_that_runs_them():
    homes = {
        line.split("(")[0].removeprefix("-- name: "): file.stem
        for file in SQL.glob("*.sql")
        for line in file.read_text().splitlines()
        if line.startswith("-- name: ")
    }

    strangers = {(module, call.args[0].value) for module, _, call in runs() if homes[call.args[0].value] != module}

    assert {name for _, name in strangers} == {
        "lock_collection",
        "advance_revision",
        "lock_cog",
    }  # of history, and of frames
    assert len(set(homes.values())) <= 10


def test_an_unknown_query_is_named_when_it_is_asked_for():
    with pytest.raises(AttributeError, match="no_such_query"):
        statement("no_such_query")
