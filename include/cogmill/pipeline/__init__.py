"""What the DAGs do, one function per task. Alone in seeing both the pure modules and the edges."""

from cogmill.pipeline.archive import Archive

__all__ = ["Archive"]
