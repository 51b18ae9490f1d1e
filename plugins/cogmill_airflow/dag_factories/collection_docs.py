"""Documentation of the collections' DAGs and of watch_uploads, shown in the Airflow UI."""

from __future__ import annotations

COLORS = """
**Colors:** green is published, pink (skipped) is a fault in the upload, red is a failure of Cogmill's own.
"""

COLLECTION = (
    """
### {service_name}

Turns the frames uploaded for {county} {agency} {year} ({product}) into the web map service `{service_name}`. Runs by itself
when something arrives. A run by hand is harmless and repeats no work that is done.

[Its frames and why some were rejected](dags/{dag_id}/plugin/cogmill) · [WMS capabilities]({capabilities}) ·
[all collections](plugin/collections)

plan → build COGs → tile index → index files → mapfile → overviews → public files → report
"""
    + COLORS
    + """
Rejected frames are listed by name below `rejected_frames`, with the reason; the task's log tells the person who uploaded them
what to do. They never hold up the others. `publish_mapfile` and `report` have buttons that open the service.
"""
)

PLAN_FRAMES = "Reads from the ledger which frames wait to be built and divides them into batches, no more than one run can map over."

BUILD_COGS = (
    "Builds, verifies and stores the Cloud-Optimized GeoTIFFs of one batch. Each frame is built in a process of its own: a crash, a "
    "timeout or a lack of memory costs only that frame. Red only if a frame failed through no fault of the upload; what was built "
    "is published all the same."
)

LIST_REJECTED_FRAMES = "Reads from the ledger which frames this run rejected."

REJECTED_FRAMES = (
    "One mapped task per rejected frame, labeled with file name and reason. Pink: the fault is in the upload, and nothing waits for "
    "it. The log holds one sentence of advice for the person who uploaded it. A corrected upload under the same name is built by itself."
)

UPDATE_TILE_INDEX = (
    "Changes the collection's tile index in PostGIS in one transaction: readers see all of the change or none of it."
)

EXPORT_INDEX = "Writes the downloadable index (shapefile parts and one zip) if the tile index changed."

PUBLISH_MAPFILE = (
    "Renders the mapfile, has MapServer draw it, and only then replaces the public one, if its bytes changed. "
    "Buttons: the service's capabilities, and the whole collection as one picture."
)

PLAN_OVERVIEWS = (
    "Finds the cells of the overviews that changed frames touch. Many of them are cut into batches for `build_overviews`; few are "
    "left to `update_overviews`."
)

BUILD_OVERVIEWS = (
    "Builds and stores a batch of cells. Nothing shows them yet. Safe to clear: stored cells are found again."
)

UPDATE_OVERVIEWS = (
    "Brings the overviews of a collection of more than 6 frames up to date: cells that show many frames in one file, so that a map "
    "of the whole collection is drawn as fast as a map of one frame. Builds what is left, the coarser levels too, changes what is "
    "shown in one transaction, and publishes the mapfile again when the levels changed. While more frames of the collection wait "
    "it may leave this to a later run (`postponed`). The result names the levels, cells built, kept and removed, bytes and seconds. "
    "It also stores the pictures of the collection that pages show."
)

UPDATE_PUBLIC_FILES = (
    "Writes the static files that the public gets: pages, lists and catalogs of the collection, and those of the whole archive. Only "
    "files whose bytes change are stored; those of photographs that left the map are removed. The result counts them, and names facts "
    "that nobody has stated in `include/site.yaml`, such as the license."
)

REPORT = (
    "Reports in one digest how many frames were published, rejected or failed, and which scans are missing. "
    "Red names the failures."
)

WATCH_UPLOADS = (
    """
### Uploads to maps

Waits for files in the bucket that the ledger does not know, enters them, and triggers runs of their collections. One run
follows another without a pause; a run that waits occupies no worker. Pause this DAG to stop all intake: what is uploaded
meanwhile is found when it is unpaused. [Where is my upload?](dags/watch_uploads/plugin/cogmill)
"""
    + COLORS
    + """
Uploads that are rejected by name are listed below `rejected_uploads`, with the reason.
"""
)

WAIT_FOR_UPLOADS = (
    "Waits in the triggerer until the bucket holds something new. After six hours without uploads the run ends green, and the "
    "next one begins."
)

INGEST_UPLOADS = "Enters new uploads and new versions of uploads into the ledger. A collection seen for the first time gets its DAG by itself."

TRIGGER_COLLECTIONS = (
    "Triggers one run of each collection that has work. Waits for the DAG of a new collection to appear. If a run is queued "
    "already, it includes the new frames, and no other is triggered."
)

LIST_REJECTED_UPLOADS = "Lists the uploads that were rejected by name."

REJECTED_UPLOADS = "One mapped task per upload whose name fits no pattern, labeled with file name and reason; the log tells how to name it."
