"""What the Airflow UI says about the DAGs that look after the archive as a whole."""

from __future__ import annotations

COMPILE_INDEXES = """
### compile_indexes

Writes every published footprint of the archive into one file, `geojson/compiled_historical_indexes.geojson`, with its twins in
FlatGeobuf and GeoParquet, and the list of services (`catalog/services.json`, `catalog/index.html`).

Runs at night; `COGMILL_COMPILE_SCHEDULE` (cron, or `@hourly` as in the old system) changes that. A run by hand is harmless:
what did not change is not uploaded. All formats are read back and compared before the first upload.

Red `check_compiled` means: the files are out, but the collections it names are not in them. Look at `maintenance` for their cause.
"""

COMPILE = "Streams the ledger into three formats, reads each back, compares number and hash of all features, uploads what changed."

CHECK_COMPILED = "Red when a collection could not be compiled; everything else is published all the same."

MAINTENANCE = """
### maintenance

Compares all layers of the archive every night: scans, uploads, COGs, ledger, tile index, index files, mapfiles and, when
`COGMILL_PROBE_SERVICES` says how many, live services. One number for each way in which two layers can disagree; zero is green.
The report is in the log of `report` and in the bucket (`reports/maintenance/latest.json` and one per day).

Mends by itself what takes nothing off the map. What was deleted (uploads, mapfiles) leaves the map after a grace period of
`COGMILL_GRACE_HOURS`, in the order service, index, COG; above the limits of one run a person is asked (Required Actions).
**Deleting a mapfile means: unpublish this service.** Uploading a frame brings it back.

Start it with `dry_run` to see what it would do. Red means that something does not mend itself; `report` says what.
"""

COMPARE = (
    "Lists the bucket once and compares it with the ledger. Remembers what it finds, which begins its grace period."
)

REPAIR = "Rows, links, index files, changed mapfiles, stray objects (moved to quarantine/), expired leases."

REMOVE = (
    "Deleted uploads and mapfiles leave the map, lost or damaged COGs are built again. Does nothing above the limits."
)

COLLECT = "Deletes COGs that were replaced or withdrawn long ago, aborts broken-off uploads, removes forgotten folders."

AUDIT = "Reads and hashes one thirtieth of all COGs each night. A damaged one is put aside and built again."

PROBE = "Asks live services for their capabilities and a map, some each night."

MAINTENANCE_REPORT = "All numbers, what was mended, what waits. Red only for what needs a person."

APPROVE = "Asks before an unusual amount leaves the map. Skipped when there is nothing to ask; without an answer nothing is removed."

REMOVE_APPROVED = "Removes what was approved, and not more."

RENDER_MAPFILES = """
### render_mapfiles

Renders services again from the current template, for example after the template changed. Each is drawn by MapServer before it
is published; one that cannot be drawn keeps its old mapfile and stops no other. A dry run shows the differences in the logs.
"""

PLAN_RENDERING = "All public services, or the chosen ones, in batches of 50."

RENDER = (
    "Renders and draws each service of the batch; publishes those whose mapfile changes. The log shows the differences."
)

LIST_RENDERED = "Lists the services that changed. Red when one could not be drawn."

ROLLBACK = """
### rollback

Brings **one** collection back to its previous published revision: tile index, COGs, index files, mapfile. Works as far back as
replaced COGs are kept (`COGMILL_RETIRED_COG_DAYS`). Running it twice goes forward again. It also brings a service back whose
mapfile was deleted.

Frames that came since then leave the map and wait in state *failed*: a new upload, or a backfill with *force*, takes them in again.
"""

ROLL_BACK = (
    "Checks that all COGs of that time are there, changes the index in one transaction, then index files and mapfile."
)

BACKFILL = """
### backfill

Builds frames again by hand. The form chooses them: collections, a prefix of their keys, states, and an order. The plan (frames,
bytes, time by the ledger's own history, what would change and why) stands in the log and the XCom of `plan_backfill` before
anything happens; a large backfill waits there for approval (Required Actions). **Dry run** ends after the plan.

It has a lane of its own, the pool `backfill`, and gives way to new uploads. Its progress is in the results of `build`.
**Killed or red? Clear the run:** it goes on where it stopped and builds nothing twice.
"""

RETRY = """
### retry

What the button *Retry* of the page Collections starts: the same as `backfill`, without a dry run, for the frames that were clicked.
It shares the lane of backfills and goes before what a large one still has to do.
"""

PLAN_BACKFILL = "Which frames, how many bytes, how long, and why. Changes nothing."

APPROVE_BACKFILL = "Waits for a person when the plan has more than COGMILL_BACKFILL_APPROVAL_FRAMES frames; else passes at once. Without an answer nothing is built."

BEGIN_BACKFILL = "Writes the plan down and cuts it into batches. Skipped in a dry run."

BUILD_BACKFILL = "Builds a batch with low priority; publishes each collection when nothing of it is left to do."

REPORT_BACKFILL = (
    "What became of all frames. Red when some failed by our fault or are left; skipped when nothing was begun."
)
