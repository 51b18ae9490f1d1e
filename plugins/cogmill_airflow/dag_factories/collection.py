"""The DAG of one collection, built from a plain entry; read from top to bottom it is the picture of the Graph view."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, BaseOperator, TriggerRule

from cogmill_airflow.dag_factories import collection_docs
from cogmill_airflow.dag_factories.retries import DEFAULTS
from cogmill_airflow.names import GDAL_POOL, PUBLISH_POOL, dag_id
from cogmill_airflow.observability import assets
from cogmill_airflow.observability.notifications import DigestNotifier
from cogmill_airflow.operators import collection, reports
from cogmill_airflow.operators.rejections import LABEL_TEMPLATE, ShowRejectedOperator

LONGEST_BATCH = timedelta(hours=6)
"""Far above what the limits per frame allow a batch to take; ends a task that hangs all the same."""


def collection_dag(entry: Mapping[str, Any]) -> DAG:
    """Wire one collection: frames -> COGs -> tile index -> index files -> mapfile -> report.

    Args:
        entry: `id`, `service_name`, `county`, `agency`, `year`, `product` of the collection, and `gdal_slots`, the slots of the
            GDAL pool that one build task takes.
    """
    with DAG(
        dag_id(entry["id"]),
        description=f"Frames of {entry['service_name']} to its web map service",
        schedule=None,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=DEFAULTS,
        tags=sorted({entry[key] for key in ("county", "agency", "year", "product")} - {""}),
        doc_md=collection_docs.COLLECTION.format(**entry),
    ) as dag:
        about = {"collection_id": entry["id"]}
        plan = collection.PlanFramesOperator(task_id="plan_frames", doc_md=collection_docs.PLAN_FRAMES, **about)
        cogs = collection.BuildCogsOperator.partial(
            task_id="build_cogs",
            pool=GDAL_POOL,
            pool_slots=entry["gdal_slots"],
            map_index_template="{{ task.batch['label'] | truncate(240, true) }}",
            execution_timeout=LONGEST_BATCH,
            doc_md=collection_docs.BUILD_COGS,
            **about,
        ).expand(batch=plan.output)
        # a batch that failed by our fault leaves the others their map; without a plan there is nothing to index
        index = collection.UpdateTileIndexOperator(
            task_id="update_tile_index",
            trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
            doc_md=collection_docs.UPDATE_TILE_INDEX,
            **about,
        )
        export = collection.ExportIndexOperator(task_id="export_index", doc_md=collection_docs.EXPORT_INDEX, **about)
        mapfile = collection.PublishMapfileOperator(
            task_id="publish_mapfile",
            service_name=entry["service_name"],
            pool=PUBLISH_POOL,
            outlets=[assets.services()],
            doc_md=collection_docs.PUBLISH_MAPFILE,
            **about,
        )
        [plan, cogs] >> index >> export >> mapfile
        # looking back takes CPU time, so it waits until the map is out
        mapfile >> _look_back(mapfile.output, about)
    return dag


def _look_back(published: Any, about: Mapping[str, str]) -> list[BaseOperator]:
    """Return the tasks that say what became of the run, and show what was refused."""
    report = reports.ReportOperator(
        task_id="report",
        published=published,
        trigger_rule=TriggerRule.ALL_DONE,
        on_success_callback=DigestNotifier(),
        on_failure_callback=DigestNotifier(),
        doc_md=collection_docs.REPORT,
        **about,
    )
    rejected = reports.ListRejectedOperator(
        task_id="list_rejected", trigger_rule=TriggerRule.ALL_DONE, doc_md=collection_docs.LIST_REJECTED, **about
    )
    ShowRejectedOperator.partial(
        task_id="rejected_frames", map_index_template=LABEL_TEMPLATE, doc_md=collection_docs.REJECTED_FRAMES
    ).expand(frame=rejected.output)
    return [report, rejected]
