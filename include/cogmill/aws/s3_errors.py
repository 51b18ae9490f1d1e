"""Turn botocore's errors into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from cogmill.domain.errors import CogmillError, ServiceUnavailableError, SourceChangedError

GONE_CODES = {"404", "NoSuchKey", "NoSuchUpload", "412", "PreconditionFailed"}

FOR_ALL_CODES = {
    "AccountProblem", "AuthorizationHeaderMalformed", "ExpiredToken", "InvalidAccessKeyId", "InvalidSecurity", "InvalidToken",
    "NoSuchBucket", "NotSignedUp", "PermanentRedirect", "QuotaExceeded", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}  # fmt: skip
"""Codes below 500 that no key escapes: credentials, clock, bucket or account."""

LATER_CODES = {
    "BandwidthLimitExceeded", "EC2ThrottledException", "KMS.ThrottlingException", "LimitExceededException", "RequestLimitExceeded",
    "RequestThrottled", "RequestThrottledException", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException",
    "TooManyRequests", "TooManyRequestsException",
}  # fmt: skip
"""Codes below 500 of a store that asks to come back later."""

TOO_MANY, SICK = 429, 500
"""HTTP status of a store that asks to come back later, and the first of one that is sick."""


@contextmanager
def translated(what: str, when_refused: type[CogmillError] = ServiceUnavailableError) -> Iterator[None]:
    """Raise the errors of S3 as ours.

    Args:
        what: What was to be done, for the message.
        when_refused: What to raise when the store is well and refuses this one request: any answer from 400 to 499 that is not
            about all requests.

    Raises:
        SourceChangedError: The object is gone, replaced, or there already.
        ServiceUnavailableError: The store does not answer, is sick, wants to be asked later, or does not take our credentials.
    """
    try:
        yield
    except ClientError as err:
        code = err.response.get("Error", {}).get("Code", "")
        if code in GONE_CODES:
            raise SourceChangedError(f"cannot {what}: {code}") from err
        raise (ServiceUnavailableError if _is_outage(err, code) else when_refused)(f"cannot {what}: {err}") from err
    except (BotoCoreError, HTTPError, ConnectionError) as err:
        raise ServiceUnavailableError(f"cannot {what}: {err}") from err


def _is_outage(err: ClientError, code: str) -> bool:
    """Tell whether an error would meet any other request just as well."""
    status = err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", SICK)
    return status >= SICK or status == TOO_MANY or code in FOR_ALL_CODES or code in LATER_CODES
