"""Paths of files that ship with the program: in a checkout, in a copied folder, or in an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

IMPORT_ROOT = Path(__file__).resolve().parents[2]
"""Folder from which `cogmill` is imported: `include/`, or `site-packages/` when a wheel is installed."""

PACKAGE = IMPORT_ROOT / "cogmill"

FROM_SOURCE = IMPORT_ROOT.name == "include"
"""Whether the program runs from its source folders."""

TEMPLATES = (IMPORT_ROOT if FROM_SOURCE else PACKAGE) / "templates"
"""Templates of mapfiles and pages; a wheel carries them inside the package."""

VIEWER = (IMPORT_ROOT if FROM_SOURCE else PACKAGE) / "viewer"
"""The built viewer; a checkout has it after `make viewer`, a wheel if it was built then."""

PROJECT = IMPORT_ROOT.parent if FROM_SOURCE else Path(os.environ.get("AIRFLOW_HOME", Path.cwd()))
"""The Airflow project: the folder with `include/`, `.env` and, where there are any, collection files."""
