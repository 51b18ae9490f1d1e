"""Notifications, metrics, lineage and asset events of runs."""
