"""Render services again from the current template, by hand."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, TriggerRule
from cogmill_airflow.bundle import params
from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.retries import task_defaults
from cogmill_airflow.names import PUBLISH_POOL, TAG, task
from cogmill_airflow.observability import assets, notifications
from cogmill_airflow.operators import mapfiles

with DAG(
    "render_mapfiles",
    description="Renders, draws and publishes services from the current template",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=task_defaults(execution_timeout=timedelta(hours=2)),
    params={
        "dry_run": Param(
            default=True, type="boolean", title="Dry run", description="Draw and show differences, publish nothing."
        ),
        "collections": params.choose_collections(
            "Services to render. A service whose mapfile was deleted comes back when it is chosen by name."
        ),
        **params.narrow_down(),
    },
    deadline=notifications.run_deadline("render_mapfiles"),
    tags=[TAG],
    doc_md=operations_docs.RENDER_MAPFILES,
) as dag:
    plan = mapfiles.PlanRenderingOperator(**task("plan_rendering"), doc_md=operations_docs.PLAN_RENDERING)
    render = mapfiles.RenderMapfilesOperator.partial(
        **task("render"),
        pool=PUBLISH_POOL,
        map_index_template="{{ task.batch['label'] | truncate(240, true) }}",
        outlets=[assets.services()],
        doc_md=operations_docs.RENDER,
    ).expand(batch=plan.output)
    mapfiles.ListRenderedOperator(
        **task("list_rendered"),
        renderings=render.output,
        trigger_rule=TriggerRule.ALL_DONE,
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.LIST_RENDERED,
    )
