"""Turn botocore's errors into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from cogmill.domain.errors import CogmillError, ServiceUnavailableError, SourceChangedError

_GONE_CODES = {"404", "NoSuchKey", "NoSuchUpload", "412", "PreconditionFailed"}

_DENIED_CODES = {"400", "403", "AccessDenied", "AllAccessDisabled", "InvalidObjectState"}
"""Codes with which S3 denies access to one object for good; those of its key service begin with `KMS.`. A HEAD has no body to say more
than 400: of an object that was encrypted with a key of its uploader's own, or of a key that it does not take."""


@contextmanager
def translated(what: str, when_denied: type[CogmillError] = ServiceUnavailableError) -> Iterator[None]:
    """Raise the errors of S3 as ours: SourceChangedError for gone or replaced, `when_denied`, ServiceUnavailableError for the rest."""
    try:
        yield
    except ClientError as err:
        code = err.response.get("Error", {}).get("Code", "")
        if code in _GONE_CODES:
            raise SourceChangedError(f"cannot {what}: {code}") from err
        denied = code in _DENIED_CODES or code.startswith("KMS.")
        raise (when_denied if denied else ServiceUnavailableError)(f"cannot {what}: {err}") from err
    except (BotoCoreError, HTTPError, ConnectionError) as err:
        raise ServiceUnavailableError(f"cannot {what}: {err}") from err
