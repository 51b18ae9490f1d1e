"""Adopt COGs of another system, which lie in cog/ without an upload, by hand."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from cogmill.domain.model import Adoption
from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.retries import task_defaults
from cogmill_airflow.names import TAG, task
from cogmill_airflow.observability import notifications
from cogmill_airflow.operators import backfill, foreign_cogs

WAIT = timedelta(days=3)
"""How long the plan waits for an answer."""

with DAG(
    "adopt",
    description="Adopts COGs of another system that lie in cog/ without an upload, after a plan",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=task_defaults(execution_timeout=timedelta(hours=6)),
    params={
        "dry_run": Param(default=True, type="boolean", title="Dry run", description="Only plan: nothing is adopted."),
        "adopted": Param(
            default=str(Adoption.AS_IT_IS),
            enum=[*map(str, Adoption)],
            values_display={Adoption.AS_IT_IS: "published as they are", Adoption.BUILT_AGAIN: "built again"},
            title="How",
            description="As they are, under the keys that they have; or built again from their pixels, with overviews and without"
            " film collars.",
        ),
        "prefix": Param(
            default=None,
            type=["null", "string"],
            maxLength=1024,
            examples=["bw/Travis/", "nc/"],
            title="Prefix",
            description="Only COGs whose keys begin like this.",
        ),
        "limit": Param(default=None, type=["null", "integer"], minimum=1, title="Limit"),
    },
    deadline=notifications.run_deadline("adopt", waiting=WAIT),
    tags=[TAG],
    doc_md=operations_docs.ADOPT,
) as dag:
    plan = foreign_cogs.PlanAdoptionOperator(
        **task("plan_adoption"),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.PLAN_ADOPTION,
    )
    approve = backfill.ApproveBackfillOperator(
        **task("approve_adoption"),
        planned=plan.output,
        wait=WAIT,
        question="Adopt these COGs?",
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.APPROVE_ADOPTION,
    )
    foreign_cogs.AdoptCogsOperator(
        **task("adopt_cogs"),
        planned=plan.output,
        answer=approve.output,
        on_success_callback=notifications.DigestNotifier(),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.ADOPT_COGS,
    )
