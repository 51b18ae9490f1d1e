"""Registers the plugin where `plugins/` is copied into an Airflow project. The only file of this folder that Airflow scans.

An installed package registers the same plugin by its entry point; Airflow reports a second one of that name as an import error.
"""

from __future__ import annotations

from importlib.metadata import entry_points

if not entry_points(group="airflow.plugins", name="cogmill"):
    from cogmill_airflow.plugin import CogmillPlugin  # noqa: F401  # Airflow finds it among the names of this module
