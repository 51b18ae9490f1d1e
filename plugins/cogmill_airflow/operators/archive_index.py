"""The tasks of compile_indexes: everything public in one file, and a red box when a collection could not be in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.operators.base import ArchiveOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

MOST_NAMED = 50
"""Broken collections named in an XCom; all are in the log."""


class CompileIndexesOperator(ArchiveOperator):
    """Compile what is public in three formats, prove that they are equal, and upload what changed.

    Safe to rerun: an archive that did not change causes no upload.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what was compiled and which keys changed.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import export as compilation

        del context
        with self.archive() as archive:
            compiled = asdict(compilation.compile_indexes(archive))
        broken = compiled["broken"]
        for entry in broken:
            self.log.error("collection_not_compiled collection=%s fault=%s", entry["collection_id"], entry["fault"])
        self.log.info(
            "indexes_compiled services=%d features=%d hash=%s uploaded=%s unchanged=%s",
            compiled["services"],
            compiled["features"],
            compiled["hash"],
            compiled["uploaded"],
            compiled["unchanged"],
        )
        return compiled | {"broken": broken[:MOST_NAMED], "broken_count": len(broken)}


class CheckCompiledOperator(BaseOperator):
    """Turn red when a collection is missing in the compiled index; the files with all others are out by then.

    :param compiled: What the compilation returned. (templated)
    """

    template_fields: Sequence[str] = ("compiled",)

    def __init__(self, *, compiled: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.compiled = compiled

    def execute(self, context: Context) -> None:
        """Return, or fail with the names and faults.

        :param context: Context of the task instance.
        """
        del context
        compiled: Mapping[str, Any] = self.compiled
        if compiled["broken_count"]:
            named = "; ".join(f"{entry['collection_id']} ({entry['fault']})" for entry in compiled["broken"])
            raise AirflowFailException(f"{compiled['broken_count']} collections are not in the compiled index: {named}")
        self.log.info("all_compiled services=%d features=%d", compiled["services"], compiled["features"])
