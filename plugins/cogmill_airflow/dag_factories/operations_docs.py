"""Documentation of the DAGs that operate on the whole archive, shown in the Airflow UI."""

from __future__ import annotations

COMPILE_INDEXES = """
### compile_indexes

Writes every published footprint of the archive into one file, `geojson/compiled_historical_indexes.geojson`, the same features as
FlatGeobuf and GeoParquet.

Runs at night; `COGMILL_COMPILE_SCHEDULE` (cron, or `@hourly`) changes that. A run by hand is harmless: what did not change is not
uploaded. All formats are read back and compared before the first upload.

Red `check_compiled` means: the files are published, but without the collections that it names. `maintenance` tells why.
"""

COMPILE = "Streams the ledger into three formats, reads each back, compares number and hash of all features, uploads what changed."

CHECK_COMPILED = "Red when a collection could not be compiled; everything else is published all the same."

MAINTENANCE = """
### maintenance

Compares all layers of the archive every night: scans, uploads, COGs, ledger, tile index, index files, mapfiles, overviews, and a sample of
live services and published addresses (`COGMILL_PROBE_SERVICES`). There is one number for each way in which two layers can disagree; zero is
good. The report is the tab *Report* of each run, and in the bucket (`reports/maintenance/latest.json` and one per day);
[what was found and not answered yet](dags/maintenance/plugin/cogmill) has a page of its own.

Repairs by itself what takes nothing off the map. What was deleted (uploads, mapfiles) leaves the map after a grace period of
`COGMILL_GRACE_HOURS`, in the order service, index, COG; above the limits of one run a person is asked (Required Actions).
**Deleting a mapfile means: unpublish this service.** Uploading a frame brings it back.

Started by hand it is a dry run, unless *Dry run* is switched off. Red means that something needs a person; `report` says what.
"""

COMPARE = "Lists the bucket once and compares it with the ledger. Records what it finds, which begins the grace period of each finding."

REPAIR = "Repairs rows, links, index files, changed mapfiles and expired leases; moves stray objects to quarantine/. Above the limit only what changes nothing public."

REMOVE = "Takes deleted uploads and mapfiles off the map and has lost or damaged COGs built again. Does nothing above the limits."

COLLECT = "Deletes COGs and cells of overviews that were replaced or withdrawn long ago, aborts incomplete uploads, removes stale folders."

AUDIT = "Reads and hashes one thirtieth of all COGs and cells of overviews each night. A damaged one is moved to quarantine/ and built again."

PROBE = "Requests the capabilities and a map from some live services each night."

DRAW_SCANS = (
    "Draws a small picture of each raw scan that no georeferenced frame goes with, for its page, the STAC catalog and the viewer: up to "
    "5,000 scans or two hours each night, one at a time, behind all frames. What cannot be drawn is recorded with its reason."
)

PROBE_ADDRESSES = (
    "Asks for some published addresses each night as a stranger does, without keys: lists, pages, photographs, index files. A closed one "
    "turns the report red."
)

MAINTENANCE_REPORT = "All numbers, what was repaired, what waits. Red only for what needs a person."

APPROVE = (
    "Asks before an unusual amount leaves the map or is written again, and sends the question to those who get messages. Without an "
    "answer nothing is done."
)

REMOVE_APPROVED = "Repairs and removes what was approved, finding by finding, and nothing that came since; nothing where nobody was asked."

RENDER_MAPFILES = """
### render_mapfiles

Renders services again from the current template, for example after the template changed. MapServer draws each one before it is
published; one that cannot be drawn keeps its old mapfile and does not stop the others. The tab *Report* of a run shows the differences, of a dry run too, and the logs all of them.
[Reports of the latest runs](dags/render_mapfiles/plugin/cogmill).
"""

PLAN_RENDERING = "The chosen services, in batches of 50; of `everything` those that are public."

RENDER = (
    "Renders and draws each service of the batch; publishes those whose mapfile changes. The log shows the differences."
)

LIST_RENDERED = "Lists the services that changed. Red when MapServer could not draw one."

ROLLBACK = """
### rollback

Brings **one** collection back to its previous published revision: tile index, COGs, index files, mapfile. Works as far back as
replaced COGs are kept (`COGMILL_RETIRED_COG_DAYS`). Running it twice goes forward again. It also brings back a service whose
mapfile was deleted.

Frames that came after that revision leave the map and wait in state *failed*: a new upload, or a backfill with *force*, builds
them again.

A dry run names the revision, its date and every upload concerned, in the tab *Report*. A collection without an earlier revision stays
as it is, and the report says so. [Reports of the latest runs](dags/rollback/plugin/cogmill).
"""

ROLL_BACK = "Checks that all COGs of that revision exist, changes the index in one transaction, then writes index files and mapfile."

BACKFILL = """
### backfill

Builds frames again by hand. The form chooses them: collections, what narrows them down, states, reasons, parts of keys. The plan
(frames, bytes, estimated time, what would change and why, and every upload by name) is the tab *Report* of the run before anything
happens, and the log names the first uploads. [Reports of the latest runs](dags/backfill/plugin/cogmill). A large
backfill, or one of `everything`, waits there for approval (Required Actions). **Dry run** ends after the plan.

Backfills have a pool of their own, `backfill`, and give way to new uploads. Progress is in the results of `build`.
**Killed or red? Clear the run:** it continues where it stopped and builds nothing twice.
"""

RETRY = """
### retry

Started by the button *Retry* of the page Collections: the same as `backfill`, for the chosen frames. By hand it is a dry run at first.
It shares the pool of backfills and goes before what a large one still has to do.
[Reports of the latest runs](dags/retry/plugin/cogmill).
"""

PLAN_BACKFILL = "Plans which frames are built, how many bytes, how long, and why. Changes nothing."

APPROVE_BACKFILL = "Waits for a person when the plan has more than COGMILL_BACKFILL_APPROVAL_FRAMES frames, or takes everything; else passes at once. Without an answer nothing is built."

BEGIN_BACKFILL = "Stores the plan and divides it into batches; an empty one in a dry run or without approval."

BUILD_BACKFILL = "Builds a batch with low priority; publishes each collection when nothing of it is left to do."

REPORT_BACKFILL = (
    "Reports what became of all frames; the plan when nothing was begun. Red when some failed or are left."
)

LIST_REJECTED_AGAIN = "Reads from the ledger which frames of this backfill were rejected again."

ADOPT = """
### adopt

Takes COGs of another system into the archive: those that lie in a `cog/` folder, have no digest in their names, and have no upload.
They are published **as they are**, under the keys that they have, or **built again** from their pixels. Either way the old file stays
where it is, and stands for an upload: deleted, its frame leaves the map; replaced, it is looked at again.

The plan (COGs and bytes of each collection) is the tab *Report* of the run before anything happens; a large one waits there for
approval (Required Actions). **Dry run** ends after the plan. What is adopted is entered into the ledger, and the runs of its
collections do the rest: progress, rejections and failures are there. Started again it finds only what is not adopted yet.
[Reports of the latest runs](dags/adopt/plugin/cogmill).

`docs/from-lambda-s4.md` says how an archive of the predecessor moves in.
"""

PLAN_ADOPTION = "Lists the COGs that nobody has adopted and no upload stands for, by collection. Changes nothing."

APPROVE_ADOPTION = "Waits for a person when the plan has more than COGMILL_BACKFILL_APPROVAL_FRAMES COGs; else passes at once. Without an answer nothing is adopted."

ADOPT_COGS = "Enters the COGs into the ledger, page by page; nothing in a dry run or without approval."
