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
