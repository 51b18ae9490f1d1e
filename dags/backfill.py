"""Frames built again by hand, in a lane of their own."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from cogmill_airflow import backfilling, known, notify, ops_docs
from cogmill_airflow.names import BACKFILL_POOL
from cogmill_airflow.retries import DEFAULTS

PROFILES = ["bw", "nc", "bw_jpeg", "archive_zstd", "webp_lossless"]

FORM = {
    "collections": Param(
        default=None,
        type=["null", "array"],
        items={"type": "string"},
        examples=known.collection_ids(),
        title="Collections",
        description="None chosen: all.",
        section="Which frames",
    ),
    "prefix": Param(
        default=None,
        type=["null", "string"],
        examples=["bw/Travis/", "nc/"],
        title="Prefix",
        description="Only uploads whose keys begin like this.",
        section="Which frames",
    ),
    "states": Param(
        default=["rejected", "failed"],
        type="array",
        items={"type": "string"},
        examples=["rejected", "failed", "arrived", "built", "published", "everything"],
        title="States",
        description="Published frames are taken only when their recipe has changed, or with force.",
        section="Which frames",
    ),
    "order": Param(
        default="oldest first",
        enum=["oldest first", "newest first", "smallest first", "by name"],
        title="Order",
        section="Which frames",
    ),
    "limit": Param(
        default=None, type=["null", "integer"], minimum=1, title="At most so many frames", section="Which frames"
    ),
    "profile": Param(
        default=None,
        type=["null", "string"],
        enum=[None, *PROFILES],
        title="Profile",
        description="Instead of the collections' own.",
        section="How they are built",
    ),
    "force": Param(
        default=False,
        type="boolean",
        title="Force",
        description="Read published frames again too; nothing is uploaded where nothing differs.",
        section="How they are built",
    ),
    "dry_run": Param(
        default=True, type="boolean", title="Dry run", description="End after the plan.", section="How they are built"
    ),
}

with DAG(
    "backfill",
    description="Builds chosen frames again, with a plan first and a lane of its own",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args={**DEFAULTS, "execution_timeout": None},
    params=FORM,
    tags=["cogmill"],
    doc_md=ops_docs.BACKFILL,
) as dag:
    plan = backfilling.PlanBackfillOperator(task_id="plan_backfill", doc_md=ops_docs.PLAN_BACKFILL)
    approve = backfilling.ApproveBackfillOperator(
        task_id="approve_backfill",
        planned=plan.output,
        response_timeout=timedelta(days=3),
        doc_md=ops_docs.APPROVE_BACKFILL,
    )
    begin = backfilling.BeginBackfillOperator(
        task_id="begin_backfill", planned=plan.output, doc_md=ops_docs.BEGIN_BACKFILL
    )
    build = backfilling.BuildBackfillOperator.partial(
        task_id="build",
        pool=BACKFILL_POOL,
        priority_weight=1,
        weight_rule="absolute",
        map_index_template="{{ task.batch['label'] }}",
        doc_md=ops_docs.BUILD_BACKFILL,
    ).expand(batch=begin.output)
    report = backfilling.ReportBackfillOperator(
        task_id="report",
        trigger_rule="all_done_min_one_success",
        on_success_callback=notify.DigestNotifier(),
        on_failure_callback=notify.DigestNotifier(),
        doc_md=ops_docs.REPORT_BACKFILL,
    )
    plan >> approve >> begin >> build >> report
