"""DAGs made from data, their default arguments and their documentation.

Where a library is missing no DAG file loads: the import error in Airflow's UI names it, instead of red tasks later.
"""

from __future__ import annotations

from cogmill.config.installation import require

require()
