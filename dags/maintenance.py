"""Compare and repair all layers of the archive, every night."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Param, TriggerRule
from cogmill.config.settings import load_settings
from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.retries import SCHEDULED_RUN_TIMEOUT, task_defaults
from cogmill_airflow.names import GDAL_POOL, PUBLISH_POOL, TAG, task
from cogmill_airflow.observability import assets, notifications
from cogmill_airflow.operators import maintenance

settings = load_settings()

with DAG(
    "maintenance",
    description="Compares scans, uploads, COGs, rows, index files, mapfiles and services; repairs, asks, reports",
    schedule=settings.maintenance_schedule,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=SCHEDULED_RUN_TIMEOUT,
    default_args=task_defaults(execution_timeout=timedelta(hours=6)),
    params={
        "dry_run": Param(
            default=True,
            type="boolean",
            title="Dry run",
            description="Only show what would be done. For runs by hand; those by schedule are never dry.",
        )
    },
    deadline=notifications.run_deadline("maintenance"),
    tags=[TAG],
    doc_md=operations_docs.MAINTENANCE,
) as dag:
    compare = maintenance.CompareLayersOperator(**task("compare_layers"), doc_md=operations_docs.COMPARE)
    repair = maintenance.RepairOperator(
        **task("repair"), pool=PUBLISH_POOL, outlets=[assets.services()], doc_md=operations_docs.REPAIR
    )
    remove = maintenance.RemoveOperator(
        **task("remove"), pool=PUBLISH_POOL, outlets=[assets.services()], doc_md=operations_docs.REMOVE
    )
    collect = maintenance.CollectGarbageOperator(**task("collect_garbage"), doc_md=operations_docs.COLLECT)
    audit = maintenance.AuditCogsOperator(**task("audit_cogs"), doc_md=operations_docs.AUDIT)
    probe = maintenance.ProbeServicesOperator(**task("probe_services"), doc_md=operations_docs.PROBE)
    draw = maintenance.DrawScansOperator(
        **task("draw_scans"),
        pool=GDAL_POOL,
        weight_rule="absolute",  # frames go first
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.DRAW_SCANS,
    )
    addresses = maintenance.ProbeAddressesOperator(**task("probe_addresses"), doc_md=operations_docs.PROBE_ADDRESSES)
    report = maintenance.MaintenanceReportOperator(
        **task("report"),
        parts={
            "compared": compare.output,
            "repairs": repair.output,
            "removals": remove.output,
            "garbage": collect.output,
            "audit": audit.output,
            "dead_services": probe.output,
            "closed_addresses": addresses.output,
        },
        trigger_rule=TriggerRule.ALL_DONE,
        retries=0,
        on_success_callback=notifications.DigestNotifier(),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.MAINTENANCE_REPORT,
    )
    approve = maintenance.ApproveRemovalsOperator(
        **task("approve_removals"),
        compared=compare.output,
        trigger_rule=TriggerRule.ALL_DONE,
        wait=timedelta(hours=20),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.APPROVE,
    )
    remove_approved = maintenance.RemoveApprovedOperator(
        **task("remove_approved"),
        approved=compare.output,
        answer=approve.output,
        pool=PUBLISH_POOL,
        outlets=[assets.services()],
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.REMOVE_APPROVED,
    )
    compare >> repair >> remove >> [collect, audit, probe, addresses, draw]
    # nothing may follow the report, else a red one would leave the run green
    [collect, audit, probe, addresses] >> report
    [collect, audit, probe, addresses] >> approve >> remove_approved
