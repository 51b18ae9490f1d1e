"""The DAG of one collection, in the order of the Graph view."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, TriggerRule
from cogmill.config.settings import load_settings
from cogmill.mapserver.urls import capabilities_url, service_url

from cogmill_airflow.dag_factories import collection_docs
from cogmill_airflow.dag_factories.retries import BATCH_TIMEOUT, build_arguments, task_defaults
from cogmill_airflow.names import GDAL_POOL, PUBLISH_POOL, TAG, dag_id, dag_title, task
from cogmill_airflow.observability import assets
from cogmill_airflow.observability.notifications import DigestNotifier, run_deadline
from cogmill_airflow.operators import collection, reports
from cogmill_airflow.operators.rejections import LABEL_TEMPLATE, ShowRejectedOperator

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from cogmill_airflow.bundle.shards import Entry

START = datetime(2026, 1, 1, tzinfo=UTC)
"""From when on a schedule of a collection's own counts; nothing is caught up."""


def collection_dag(entry: Entry) -> DAG:
    """Return the DAG of one collection: frames -> COGs -> tile index -> index files -> mapfile -> overviews -> public files -> report.

    Args:
        entry: `id`, `service_name`, `county`, `agency`, `year` and `product` of the collection, and `gdal_slots`, the slots of
            the GDAL pool that one build task occupies; `tasks` what its file says of how they run.
    """
    own = entry.get("tasks", {})
    with DAG(
        dag_id(entry["id"]),
        dag_display_name=dag_title(entry),
        deadline=run_deadline(dag_id(entry["id"])),
        description=f"Frames of {entry['service_name']} to its web map service",
        schedule=own.get("schedule"),
        start_date=START if own.get("schedule") else None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=task_defaults(own),
        tags=sorted({TAG, *(entry[key] for key in ("county", "agency", "year", "product"))} - {""}),
        doc_md=collection_docs.COLLECTION.format(**entry, **_addresses(entry["id"])),
    ) as dag:
        ids = {"collection_id": entry["id"]}
        plan = collection.PlanFramesOperator(**task("plan_frames"), doc_md=collection_docs.PLAN_FRAMES, **ids)
        cogs = collection.BuildCogsOperator.partial(
            **task("build_cogs"),
            map_index_template="{{ task.batch['label'] | truncate(240, true) }}",
            doc_md=collection_docs.BUILD_COGS,
            **_building(entry),
            **ids,
        ).expand(batch=plan.output)
        # a batch that failed does not keep the others off the map; without a plan there is nothing to index
        documented = {**task("update_tile_index"), "doc_md": collection_docs.UPDATE_TILE_INDEX, **ids}
        index = collection.UpdateTileIndexOperator(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, **documented)
        export = collection.ExportIndexOperator(**task("export_index"), doc_md=collection_docs.EXPORT_INDEX, **ids)
        mapfile = collection.PublishMapfileOperator(
            **task("publish_mapfile"),
            pool=PUBLISH_POOL,
            outlets=[assets.services()],
            doc_md=collection_docs.PUBLISH_MAPFILE,
            **ids,
        )
        [plan, cogs] >> index >> export >> mapfile
        overviews = _overview_tasks(mapfile, entry)
        # reporting takes CPU time, so it waits until the map is published
        overviews >> _report_tasks(mapfile.output, ids, DigestNotifier(topic=own.get("notify_topic", "")))
    return dag


def _building(entry: Entry) -> dict[str, Any]:
    """Return the arguments of tasks that build: their pool and slots, how long they may take, and where they run."""
    own = entry.get("tasks", {})
    pool = {"pool": own.get("build_pool", GDAL_POOL), "pool_slots": entry["gdal_slots"]}
    return {**pool, "execution_timeout": BATCH_TIMEOUT, **build_arguments(own)}


def _addresses(collection_id: str) -> dict[str, str]:
    """Return what the text of the DAG links to."""
    service = service_url(load_settings().mapserver_url, collection_id)
    return {"dag_id": dag_id(collection_id), "capabilities": capabilities_url(service)}


def _overview_tasks(mapfile: BaseOperator, entry: Entry) -> BaseOperator:
    """Return the last of the tasks that follow the mapfile: frames are on the map at once, maps of many frames and pages follow."""
    cost = _building(entry)
    ids = {"collection_id": entry["id"]}
    plan = collection.PlanOverviewsOperator(**task("plan_overviews"), doc_md=collection_docs.PLAN_OVERVIEWS, **ids)
    cells = collection.BuildOverviewsOperator.partial(
        **task("build_overviews"),
        map_index_template="{{ task.batch['label'] | truncate(240, true) }}",
        doc_md=collection_docs.BUILD_OVERVIEWS,
        **cost,
        **ids,
    ).expand(batch=plan.output)
    update = collection.UpdateOverviewsOperator(
        **task("update_overviews"), doc_md=collection_docs.UPDATE_OVERVIEWS, **cost, **ids
    )
    public = collection.UpdatePublicFilesOperator(
        **task("update_public_files"), doc_md=collection_docs.UPDATE_PUBLIC_FILES, **ids
    )
    mapfile >> plan >> cells >> update >> public
    return public


def _report_tasks(published: XComArg, ids: Mapping[str, str], notifier: DigestNotifier) -> list[BaseOperator]:
    """Return the tasks that report on the run, with the publishing task's result, and list what it rejected."""
    report = reports.ReportOperator(
        **task("report"),
        published=published,
        trigger_rule=TriggerRule.ALL_DONE,
        on_success_callback=notifier,
        on_failure_callback=notifier,
        doc_md=collection_docs.REPORT,
        **ids,
    )
    rejected = reports.ListRejectedFramesOperator(
        **task("list_rejected"), trigger_rule=TriggerRule.ALL_DONE, doc_md=collection_docs.LIST_REJECTED_FRAMES, **ids
    )
    ShowRejectedOperator.partial(
        **task("rejected_frames"), map_index_template=LABEL_TEMPLATE, doc_md=collection_docs.REJECTED_FRAMES
    ).expand(frame=rejected.output)
    return [report, rejected]
