"""Triggers. Deferred tasks store the path of their class, so the classes stay importable from here."""

from cogmill_airflow.triggers.uploads import NewUploadsTrigger

__all__ = ["NewUploadsTrigger"]
