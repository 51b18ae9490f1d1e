"""The tasks of maintenance: compare all layers, mend, ask before much is removed, clear away, read COGs again, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from cogmill_airflow.observability.notifications import DIGEST
from cogmill_airflow.operators.base import ArchiveOperator

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.maintenance.repair import Action

MOST_ACTIONS = 500
"""Acts that an XCom and the report name; all are in the task's log."""


class ArchiveOperator(ArchiveOperator):
    """Base of the tasks that work on the whole archive."""

    def report_actions(self, actions: Sequence[Action]) -> list[dict[str, Any]]:
        """Log every act and return as many as an XCom should hold.

        :param actions: What was done.
        """
        for action in actions:
            level = self.log.error if action.failed else self.log.info
            level("%s %s: %s", action.kind, action.subject, action.done)
        self.log.info("acts_done count=%d failed=%d", len(actions), sum(action.failed for action in actions))
        return [asdict(action) for action in actions[:MOST_ACTIONS]]


class CompareLayersOperator(ArchiveOperator):
    """Compare bucket, ledger, tile index, index files and mapfiles; find what disagrees and what should leave the map."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return counts, examples, and the plan of removals.

        :param context: Context of the task instance.
        """
        from cogmill.maintenance.checks import KINDS
        from cogmill.maintenance.compare import compare
        from cogmill.maintenance.removal_plan import plan_removals

        del context
        with self.archive() as archive:
            comparison = compare(archive)
            plan = plan_removals(archive)
        for kind, count in comparison.counts.items():
            self.log.info("%8d  %s", count, KINDS[kind].title)
        for finding in comparison.examples:
            self.log.info("%s %s: %s (since %s)", finding.kind, finding.subject, finding.detail, finding.first_seen)
        self.log.info("removals_planned %s", plan.text)
        examples = [{**asdict(f), "first_seen": f.first_seen.isoformat()} for f in comparison.examples]
        return {"comparison": asdict(comparison) | {"examples": examples}, "plan": asdict(plan) | {"text": plan.text}}


class RepairOperator(ArchiveOperator):
    """Mend what can be mended without taking anything off the map."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return what was done.

        :param context: Context of the task instance.
        """
        from cogmill.maintenance.repair import repair

        with self.archive() as archive:
            return self.report_actions(repair(archive, dry_run=context["params"]["dry_run"]))


class RemoveOperator(ArchiveOperator):
    """Take off the map what has gone for good; nothing when a limit is exceeded and nobody approved.

    :param approved: The plan that a person approved; None for what needs no approval. (templated)
    """

    template_fields: Sequence[str] = ("approved",)

    def __init__(self, *, approved: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.approved = approved

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return what was done.

        :param context: Context of the task instance.
        """
        from cogmill.maintenance.removal_plan import Removals
        from cogmill.maintenance.repair import remove

        plan = self.approved and self.approved["plan"]
        agreed = Removals(plan["frames"], plan["services"], plan["cogs"]) if plan else None
        with self.archive() as archive:
            return self.report_actions(remove(archive, approved=agreed, dry_run=context["params"]["dry_run"]))


class ApproveRemovalsOperator(ApprovalOperator):
    """Ask a person before more leaves the map than a run may take by itself; skipped when nothing has to be asked.

    Without an answer nothing is removed, and the next night asks again.

    :param compared: Result of the comparison. (templated)
    :param wait: How long to wait for an answer.
    """

    template_fields: Sequence[str] = ("subject", "body", "compared")

    def __init__(self, *, compared: Any, wait: timedelta = timedelta(hours=20), **kwargs: Any) -> None:
        super().__init__(
            subject="Maintenance wants to take an unusual amount off the map",
            defaults=self.REJECT,
            response_timeout=wait,
            **kwargs,
        )
        self.compared = compared

    def execute(self, context: Context) -> Any:
        """Ask, or skip.

        :param context: Context of the task instance.
        """
        plan: Mapping[str, Any] = (self.compared or {}).get("plan", {})
        if context["params"]["dry_run"] or not plan.get("concerns"):
            raise AirflowSkipException("nothing to approve")
        self.body = plan["text"]
        return super().execute(context)


class CollectGarbageOperator(ArchiveOperator):
    """Delete COGs retired long ago, abort broken-off uploads, remove forgotten folders of this host."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what was cleared away.

        :param context: Context of the task instance.
        """
        from cogmill.maintenance.cleanup import collect

        with self.archive() as archive:
            collected = asdict(collect(archive, dry_run=context["params"]["dry_run"]))
        for what, names in collected.items():
            self.log.info("collected_%s count=%d %s", what, len(names), names)
        return {what: len(names) for what, names in collected.items()}


class AuditCogsOperator(ArchiveOperator):
    """Read every byte of tonight's share of all COGs and compare with the hash they were proven with."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many were read, and which were damaged.

        :param context: Context of the task instance.
        """
        from cogmill.maintenance.audit import audit

        with self.archive() as archive:
            result = audit(archive, dry_run=context["params"]["dry_run"])
        self.log.info("cogs_audited read=%d bytes=%d", result.read, result.bytes)
        return {"read": result.read, "bytes": result.bytes, "damaged": self.report_actions(result.damaged)}


class ProbeServicesOperator(ArchiveOperator):
    """Ask some live services for capabilities and a map, in turn; none unless COGMILL_PROBE_SERVICES says how many."""

    def execute(self, context: Context) -> dict[str, str]:
        """Return the faults by collection.

        :param context: Context of the task instance.
        """
        from cogmill.maintenance.service_probes import probe_services

        with self.archive() as archive:
            return probe_services(archive, context["dag_run"].run_after.toordinal())


class MaintenanceReportOperator(ArchiveOperator):
    """Store the night's report and say it in the log; red when something needs a person.

    :param parts: Results of the other tasks by name. (templated)
    """

    template_fields: Sequence[str] = ("parts",)

    def __init__(self, *, parts: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = parts

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the numbers.

        :param context: Context of the task instance.
        """
        from cogmill.maintenance.report import needs_a_person, report_text, write_report

        compared = self.parts["compared"] or {}
        parts = {name: part for name, part in self.parts.items() if name != "compared"}
        parts |= {"comparison": compared.get("comparison"), "plan": compared.get("plan")}
        begun, dry_run = context["dag_run"].run_after, context["params"]["dry_run"]
        with self.archive() as archive:
            report = write_report(archive, parts, begun, dry_run=dry_run)
        self.log.info("maintenance_report\n%s", report_text(report))
        if report["faults"]:
            context["ti"].xcom_push(key=DIGEST, value=report_text(report))
        asked = needs_a_person(report)
        if asked:
            raise AirflowFailException("; ".join(asked))
        return {"green": report["green"], **report["faults"]}
