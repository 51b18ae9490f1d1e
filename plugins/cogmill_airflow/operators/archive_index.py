"""Operators of compile_indexes: one file with everything public, and a red task when a collection is missing in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.observability.assets import emit_indexes_compiled
from cogmill_airflow.operators.base import ArchiveOperator, Templated, save_report
from cogmill_airflow.operators.links import RunReportLink

if TYPE_CHECKING:
    from airflow.sdk import Context

MAX_BROKEN = 50
"""Broken collections named in the XCom; all are in the log."""


class CompileIndexesOperator(ArchiveOperator):
    """Compile what is public in three formats, verify that they are equal, and upload what changed.

    Safe to rerun: an archive that did not change causes no upload.
    """

    operator_extra_links = (RunReportLink(),)

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what was compiled and which keys changed."""
        from cogmill.pipeline import export, run_digest

        with self.archive() as archive:
            result = export.compile_indexes(archive)
            save_report(archive, context, run_digest.compile_report(archive, result))
            compiled = asdict(result)
            if compiled["uploaded"]:
                emit_indexes_compiled(context, archive, compiled["uploaded"], compiled["features"])
        broken = compiled["broken"]
        return compiled | {"broken": broken[:MAX_BROKEN], "broken_count": len(broken)}


class CheckCompiledOperator(BaseOperator):
    """Fail when a collection is missing in the compiled index; the files with all others are published by then.

    :param compiled: Result of the compilation. (templated)
    """

    template_fields: Sequence[str] = ("compiled",)

    def __init__(self, *, compiled: Templated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.compiled = compiled

    def execute(self, context: Context) -> None:
        """Return, or fail with the names and faults."""
        compiled: Mapping[str, Any] = self.compiled
        if compiled["broken_count"]:
            named = "; ".join(f"{entry['collection_id']} ({entry['fault']})" for entry in compiled["broken"])
            raise AirflowFailException(f"{compiled['broken_count']} collections are not in the compiled index: {named}")
        self.log.info("all_compiled services=%d features=%d", compiled["services"], compiled["features"])
