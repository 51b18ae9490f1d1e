"""Operators of maintenance: compare all layers, repair, ask before much is removed, clean up, audit COGs, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.observability.notifications import DIGEST
from cogmill_airflow.operators.base import ArchiveOperator, Templated, follow_service_changes, save_report
from cogmill_airflow.operators.links import RunReportLink
from cogmill_airflow.operators.questions import QuestionOperator
from cogmill_airflow.operators.selection import is_dry_run

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.maintenance.repair import Action

MAX_ACTIONS = 500
"""Actions named in the XCom and the report; all are in the task's log."""


class MaintenanceOperator(ArchiveOperator):
    """Base of the operators that change the archive and log each change."""

    def report_actions(self, actions: Sequence[Action]) -> list[dict[str, Any]]:
        """Log the actions and return as many as an XCom should hold; failures are in the log already."""
        for action in actions:
            if not action.failed:
                self.log.info("%s %s: %s", action.kind, action.subject, action.done)
        self.log.info("actions_done count=%d failed=%d", len(actions), sum(action.failed for action in actions))
        return [asdict(action) for action in actions[:MAX_ACTIONS]]


class CompareLayersOperator(ArchiveOperator):
    """Compare bucket, ledger, tile index, index files and mapfiles; find what disagrees and what should leave the map."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return counts, examples, and the plan of removals."""
        from cogmill.maintenance.change_plan import record_plan
        from cogmill.maintenance.compare import compare

        with self.archive() as archive:
            comparison = compare(archive)
            plan = record_plan(archive)
        for finding in comparison.examples:
            self.log.info("%s %s: %s (since %s)", finding.kind, finding.subject, finding.detail, finding.first_seen)
        self.log.info("changes_planned plan=%s %s", plan.id, plan.text)
        examples = [{**asdict(f), "first_seen": f.first_seen.isoformat()} for f in comparison.examples]
        words = {"concerns": plan.concerns, "text": plan.text}
        return {"comparison": asdict(comparison) | {"examples": examples}, "plan": asdict(plan) | words}


class RepairOperator(MaintenanceOperator):
    """Repair what can be repaired without taking anything off the map; above the limit only what changes nothing public."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return what was done."""
        from cogmill.maintenance.repair import repair

        with self.archive() as archive:
            actions = repair(archive, dry_run=is_dry_run(context))
            follow_service_changes(context, archive)
        return self.report_actions(actions)


class RemoveOperator(MaintenanceOperator):
    """Take off the map what was deleted; nothing when a limit is exceeded and nobody approved.

    :param approved: The comparison whose plan a person approved, repairs included; None for what needs no approval. (templated)
    """

    template_fields: Sequence[str] = ("approved",)

    def __init__(self, *, approved: Templated = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.approved = approved

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return what was done."""
        from cogmill.maintenance.repair import remove, repair

        dry_run, plan_id = is_dry_run(context), self.approved and self.approved["plan"].get("id")
        with self.archive() as archive:
            repaired = repair(archive, approved=plan_id, dry_run=dry_run) if plan_id else []
            actions = repaired + remove(archive, approved=plan_id, dry_run=dry_run)
            follow_service_changes(context, archive)
        return self.report_actions(actions)


class RemoveApprovedOperator(RemoveOperator):
    """Repair and take off the map what a person approved; nothing, in green, where nobody was asked or the answer was no.

    :param answer: Result of the question. (templated)
    """

    template_fields: Sequence[str] = (*RemoveOperator.template_fields, "answer")

    def __init__(self, *, answer: Templated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.answer = answer

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return what was done."""
        if not (self.answer or {}).get("approved"):
            self.log.info("nothing_approved")
            return []
        return super().execute(context)


class ApproveRemovalsOperator(QuestionOperator):
    """Ask a person before more leaves the map or is written again than a run may do by itself; passes when nothing has to be asked.

    Without an answer nothing is done, and the next night asks again.

    :param compared: Result of the comparison. (templated)
    :param wait: How long to wait for an answer.
    """

    template_fields: Sequence[str] = ("subject", "body", "compared")

    def __init__(self, *, compared: Templated, wait: timedelta = timedelta(hours=20), **kwargs: Any) -> None:
        super().__init__(subject="Maintenance wants to change an unusual amount", response_timeout=wait, **kwargs)
        self.compared = compared

    def execute(self, context: Context) -> Any:
        """Ask, or pass."""
        plan: Mapping[str, Any] = (self.compared or {}).get("plan", {})
        if is_dry_run(context) or not plan.get("concerns"):
            self.log.info("nothing_to_approve")
            return {"approved": False}
        self.body = plan["text"]
        return super().execute(context)


class CollectGarbageOperator(ArchiveOperator):
    """Delete COGs and cells of overviews that were retired long ago, abort incomplete uploads, remove stale folders of this host."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how much was deleted."""
        from cogmill.maintenance.cleanup import collect

        with self.archive() as archive:
            collected = asdict(collect(archive, dry_run=is_dry_run(context)))
        for what, names in collected.items():
            if names:
                self.log.info("garbage_%s %s", what, names)
        return {what: len(names) for what, names in collected.items()}


class AuditCogsOperator(MaintenanceOperator):
    """Read every byte of tonight's share of all COGs and cells of overviews and compare with the hash of the ledger."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many were read, and which were damaged."""
        from cogmill.maintenance.audit import audit

        with self.archive() as archive:
            result = audit(archive, dry_run=is_dry_run(context))
        return {"read": result.read, "bytes": result.bytes, "damaged": self.report_actions(result.damaged)}


class DrawScansOperator(ArchiveOperator):
    """Draw small pictures of raw scans that no georeferenced frame goes with, and list them for the public; a dry run draws none.

    Safe to rerun: a scan that was looked at is not looked at again until it is uploaded again.
    """

    def execute(self, context: Context) -> dict[str, int]:
        """Return how many were drawn, rejected and left for the next night."""
        from cogmill.maintenance.scan_pictures import draw_scans

        if is_dry_run(context):
            self.log.info("no_scan_is_drawn_in_a_dry_run")
            return {}
        with self.archive() as archive:
            done = draw_scans(archive)
        for key, why in done.rejected.items():
            self.log.warning("scan_not_drawn key=%s why=%s", key, why)
        for key, why in done.failed.items():
            self.log.error("scan_failed key=%s why=%s", key, why)
        counts = {"drawn": done.drawn, "rejected": len(done.rejected), "failed": len(done.failed)}
        return counts | {"removed": done.removed, "waiting": done.waiting, "collections": len(done.collections)}


class ProbeServicesOperator(ArchiveOperator):
    """Request capabilities and a map from some live services, in turn; COGMILL_PROBE_SERVICES says how many."""

    def execute(self, context: Context) -> dict[str, str]:
        """Return the faults by collection."""
        from cogmill.maintenance.service_probes import probe_services

        with self.archive() as archive:
            return probe_services(archive, context["dag_run"].run_after.toordinal())


class ProbeAddressesOperator(ArchiveOperator):
    """Ask for some published addresses as a stranger does, in turn; COGMILL_PROBE_SERVICES says of how many services."""

    def execute(self, context: Context) -> dict[str, str]:
        """Return the faults by address."""
        from cogmill.maintenance.service_probes import probe_addresses

        with self.archive() as archive:
            return probe_addresses(archive, context["dag_run"].run_after.toordinal())


class MaintenanceReportOperator(ArchiveOperator):
    """Store the night's report and write it to the log; red when something needs a person.

    :param parts: Results of the other tasks by name. (templated)
    """

    template_fields: Sequence[str] = ("parts",)
    operator_extra_links = (RunReportLink(),)

    def __init__(self, *, parts: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = parts

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the numbers."""
        from cogmill.maintenance.checks import KINDS
        from cogmill.maintenance.report import needs_a_person, report_text, write_report
        from cogmill.pipeline.run_digest import maintenance_report

        compared = self.parts["compared"] or {}
        parts = {name: part for name, part in self.parts.items() if name != "compared"}
        parts |= {"comparison": compared.get("comparison"), "plan": compared.get("plan")}
        begun, dry_run = context["dag_run"].run_after, is_dry_run(context)
        with self.archive() as archive:
            report = write_report(archive, parts, begun, dry_run=dry_run)
            text = report_text(report)
            titles = {kind: check.title for kind, check in KINDS.items()}
            save_report(archive, context, maintenance_report(report, titles, text))
        self.log.info("maintenance_report\n%s", text)
        if report["faults"]:
            context["ti"].xcom_push(key=DIGEST, value=text)
        asked = needs_a_person(report)
        if asked:
            raise AirflowFailException("; ".join(asked))
        return {"green": report["green"], **report["faults"]}
