"""Steps of the DAGs, one function per task: the only package that joins the pure modules with S3 and the ledger."""

from cogmill.pipeline.archive import Archive

__all__ = ["Archive"]
