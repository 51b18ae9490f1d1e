"""Build the environment with which GDAL in another process reads what a boto3 client reads."""

from __future__ import annotations

from typing import Any


class SigningCredentials:
    """The credentials that a ready client signs its requests with, as its signer hands them to listeners."""

    def __init__(self, client: Any) -> None:
        self._signing: dict[str, Any] = {}
        client.meta.events.register("before-sign.s3", self._remember)

    @property
    def are_known(self) -> bool:
        """Whether the client has signed a request yet."""
        return bool(self._signing)

    def current(self) -> Any:
        """Return access key, secret key and token as they are now; None when the client signs nothing."""
        signing = dict(self._signing)
        return signing.pop("request_signer").get_auth_instance(**signing, signature_version="v4").credentials

    def _remember(self, **event: Any) -> None:
        self._signing = {name: event[name] for name in ("request_signer", "signing_name", "region_name")}


def gdal_environment(client: Any, credentials: Any) -> dict[str, str]:
    """Return region, endpoint and credentials as the variables that GDAL's `/vsis3/` reads; holds the secret."""
    endpoint = client.meta.endpoint_url
    scheme, _, host = endpoint.partition("://")
    environment = {"AWS_REGION": client.meta.region_name or "us-east-1"}
    if "amazonaws.com" not in host:
        https = "YES" if scheme == "https" else "NO"
        environment |= {"AWS_S3_ENDPOINT": host, "AWS_HTTPS": https, "AWS_VIRTUAL_HOSTING": "FALSE"}
    if credentials:
        environment["AWS_ACCESS_KEY_ID"] = credentials.access_key
        environment["AWS_SECRET_ACCESS_KEY"] = credentials.secret_key
        environment |= {"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {}
    return environment
