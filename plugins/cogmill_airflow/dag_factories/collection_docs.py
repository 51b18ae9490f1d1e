"""What the Airflow UI says about DAGs and tasks, for the people who watch runs there."""

from __future__ import annotations

COLORS = """
**Colors:** green is published, pink (skipped) is the frame's fault, red is ours.
"""

COLLECTION = (
    """
### {service_name}

Turns the frames uploaded for {county} {agency} {year} ({product}) into the web map service `{service_name}`. Runs by itself
when something arrives; a run by hand is harmless and repeats no work that is done.

plan → build COGs → tile index → index files → mapfile → report
"""
    + COLORS
    + """
Frames that were refused stand by name below `rejected_frames`, with the reason; the task's log says what the person who
uploaded them should do. They never hold up the others. `publish_mapfile` and `report` have buttons that open the service.
"""
)

PLAN_FRAMES = (
    "Asks the ledger which frames wait to be built and cuts them into batches; never more than one run can carry."
)

BUILD_COGS = (
    "Builds, proves and stores the Cloud-Optimized GeoTIFFs of one batch. Each frame has a private process: a crash, a time-out or "
    "too much memory costs only that frame. Red only if a frame failed by our fault; what was built is published all the same."
)

LIST_REJECTED = "Asks the ledger which frames of this run were refused."

REJECTED_FRAMES = (
    "One box per refused frame, named by file and reason. Pink: the frame's fault, nobody waits for it. The log holds one sentence "
    "of advice for the person who uploaded it. A corrected upload under the same name is taken in by itself."
)

UPDATE_TILE_INDEX = (
    "Changes the collection's tile index in PostGIS in one transaction: readers see all of it or nothing."
)

EXPORT_INDEX = "Writes the downloadable index (shapefile parts and one zip) if the tile index changed."

PUBLISH_MAPFILE = (
    "Renders the mapfile, lets MapServer draw it, and only then replaces the public one, if its bytes changed. "
    "Buttons: the service's capabilities, and the whole collection as one picture."
)

REPORT = (
    "Says in one digest what was published, refused, failed and which scans are missing. Red names what was our fault."
)

WATCH_UPLOADS = (
    """
### Uploads to maps

Waits for files in the bucket that the ledger does not know, takes them in, and asks for runs of their collections. One run
follows the other without a pause; a run that waits costs no worker. Pause this DAG to stop all intake; what is uploaded
meanwhile is found when it goes on.
"""
    + COLORS
    + """
Uploads whose names fit no pattern stand by name below `refused_uploads`, with the reason.
"""
)

WAIT_FOR_UPLOADS = (
    "Sleeps in the triggerer until the bucket holds something new. After some hours without news the run ends green, and the "
    "next one begins."
)

REGISTER_UPLOADS = (
    "Takes new uploads and new versions into the ledger; the collections they belong to appear as DAGs by themselves."
)

TRIGGER_COLLECTIONS = (
    "Asks for one run of each collection that has work. Waits for the DAG of a new collection to appear. If a run is queued "
    "already it takes the new frames along, and no other is added."
)

LIST_REFUSED = "Hands on the names that were refused."

REFUSED_UPLOADS = (
    "One box per upload whose name fits no pattern, named by file and reason; the log says how to name it."
)
