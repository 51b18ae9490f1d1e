"""The DAGs that build chosen frames again, in the order of the Graph view."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, TriggerRule
from cogmill.cog.profiles import PROFILES
from cogmill.domain.errors import Reason

from cogmill_airflow.bundle import params
from cogmill_airflow.dag_factories import collection_docs, operations_docs
from cogmill_airflow.dag_factories.retries import BATCH_TIMEOUT, build_arguments, task_defaults
from cogmill_airflow.names import BACKFILL_POOL, TAG, task
from cogmill_airflow.observability import assets, notifications
from cogmill_airflow.operators import backfill
from cogmill_airflow.operators.rejections import LABEL_TEMPLATE, ShowRejectedOperator

STATES = ("rejected", "failed", "arrived", "built", "published", "everything")
"""States of frames that a form offers."""


def form(*, refuse_others: bool = True) -> dict[str, Param]:
    """Return the fields of the form. What matters has no section: Airflow shows those fields first, and folds sections.

    :param refuse_others: Whether Airflow refuses collections that the form does not offer.
    """
    dry_run = Param(default=True, type="boolean", title="Dry run", description="Only plan: nothing is built.")
    chosen = {"collections": params.choose_collections("Whose frames are built again.", refuse_others=refuse_others)}
    return {"dry_run": dry_run} | chosen | frame_fields() | params.narrow_down() | build_fields()


def frame_fields() -> dict[str, Param]:
    """Return the fields that choose frames of the chosen collections."""
    return {
        "states": Param(
            default=["rejected", "failed"],
            type="array",
            minItems=1,
            items={"type": "string", "enum": [*STATES]},
            examples=[*STATES],
            title="States",
            description="Published frames are built again only when profile, engine or GDAL have changed, or with Force.",
        ),
        "prefix": Param(
            default=None,
            type=["null", "string"],
            examples=["bw/Travis/", "nc/"],
            title="Prefix",
            description="Only uploads whose keys begin like this.",
        ),
        "contains": Param(
            default=None,
            type=["null", "string"],
            maxLength=1024,
            title="Part of the key",
            description="Only uploads whose keys have this anywhere in them, in any case.",
        ),
        "reasons": Param(
            default=None,
            type=["null", "array"],
            items={"type": "string", "enum": [*map(str, Reason)]},
            examples=[*map(str, Reason)],
            title="Reasons",
            description="Of rejected frames only those that were rejected for these reasons.",
        ),
        "without_grid": Param(
            default=False,
            type="boolean",
            title="Without grid",
            description="Only frames that were placed less accurately because a grid of PROJ was missing; choose the state published, too.",
        ),
    }


def build_fields() -> dict[str, Param]:
    """Return the fields that say how the chosen frames are built, which few people need."""
    section = "How they are built"
    return {
        "profile": Param(
            default=None,
            type=["null", "string"],
            enum=[None, *PROFILES],
            values_display={"null": "the collections' own"},
            title="Profile",
            description="Used instead of the collections' own profiles.",
            section=section,
        ),
        "force": Param(
            default=False,
            type="boolean",
            title="Force",
            description="Also read published frames again; nothing is uploaded where nothing differs.",
            section=section,
        ),
        "order": Param(
            default="oldest first",
            enum=["oldest first", "newest first", "smallest first", "by name"],
            title="Order",
            section=section,
        ),
        "limit": Param(default=None, type=["null", "integer"], minimum=1, title="Limit", section=section),
    }


def backfill_dag(
    dag_id: str, description: str, doc_md: str, *, priority: int, max_active_runs: int, refuse_others: bool = True
) -> DAG:
    """Return a backfill DAG: plan -> approval when it is large -> batches -> report.

    :param dag_id: Id of the DAG.
    :param description: One line.
    :param doc_md: Text of its page in the UI.
    :param priority: Priority of its batches among those of all backfills; batches of new uploads have another pool.
    :param max_active_runs: How many of its runs may be active at the same time.
    :param refuse_others: Whether Airflow refuses collections that the form does not offer.
    """
    with DAG(
        dag_id,
        description=description,
        schedule=None,
        catchup=False,
        max_active_runs=max_active_runs,
        is_paused_upon_creation=False,
        default_args=task_defaults(execution_timeout=BATCH_TIMEOUT),
        params=form(refuse_others=refuse_others),
        tags=[TAG],
        doc_md=doc_md,
    ) as dag:
        wire_tasks(priority)
    return dag


def wire_tasks(priority: int) -> None:
    """Add the tasks of a backfill to the DAG whose `with` block is open.

    :param priority: Priority of its batches among those of all backfills.
    """
    plan = backfill.PlanBackfillOperator(**task("plan_backfill"), doc_md=operations_docs.PLAN_BACKFILL)
    approve = backfill.ApproveBackfillOperator(
        **task("approve_backfill"),
        planned=plan.output,
        wait=timedelta(days=3),
        doc_md=operations_docs.APPROVE_BACKFILL,
    )
    begin = backfill.BeginBackfillOperator(
        **task("begin_backfill"), planned=plan.output, answer=approve.output, doc_md=operations_docs.BEGIN_BACKFILL
    )
    build = backfill.BuildBackfillOperator.partial(
        **task("build"),
        pool=BACKFILL_POOL,
        priority_weight=priority,
        weight_rule="absolute",
        outlets=[assets.services()],
        map_index_template="{{ task.batch['label'] | truncate(240, true) }}",
        doc_md=operations_docs.BUILD_BACKFILL,
        **build_arguments(),
    ).expand(batch=begin.output)
    report = backfill.ReportBackfillOperator(
        **task("report"),
        planned=plan.output,
        trigger_rule=TriggerRule.ALL_DONE,
        outlets=[assets.services()],
        on_success_callback=notifications.DigestNotifier(),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.REPORT_BACKFILL,
    )
    rejected = backfill.ListRejectedAgainOperator(
        **task("list_rejected"), trigger_rule=TriggerRule.ALL_DONE, doc_md=operations_docs.LIST_REJECTED_AGAIN
    )
    ShowRejectedOperator.partial(
        **task("rejected_frames"), map_index_template=LABEL_TEMPLATE, doc_md=collection_docs.REJECTED_FRAMES
    ).expand(frame=rejected.output)
    plan >> approve >> begin >> build >> [report, rejected]
