"""DAG factories, the default arguments of all DAGs and their documentation in the UI.

Where a library is missing no DAG file loads: the import error in Airflow's UI names it, instead of red tasks later.
"""

from __future__ import annotations

from cogmill.config.installation import require

require()
