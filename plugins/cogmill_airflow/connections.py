"""Clients of S3, SQS and the ledger from Airflow connections. The only module that handles credentials; they are never logged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseHook

from cogmill_airflow.names import AWS_CONN_ID, POSTGRES_CONN_ID

if TYPE_CHECKING:
    from cogmill.aws.sqs import EventQueue
    from cogmill.config.settings import Settings
    from cogmill.ledger import Ledger
    from cogmill.ledger.connection.silence import TimeLimits
    from cogmill.pipeline import Archive


def s3_client(aws_conn_id: str = AWS_CONN_ID) -> Any:
    """Return a boto3 client for S3 with time limits, which retries what S3 asks to retry.

    The connection's `config_kwargs` take precedence over the defaults here. `Any`, because boto3 has no types.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    return _limited(S3Hook(aws_conn_id=aws_conn_id), "s3")


def _limited(hook: Any, service: str) -> Any:
    """Return the boto3 client of a hook, with time limits, and a line in the log for each try that failed."""
    from cogmill.aws.client_limits import client_config, log_failed_tries
    from cogmill.config.settings import load_settings

    defaults = client_config(load_settings().silence_seconds)
    client = hook.get_client_type(config=defaults.merge(hook.config))
    log_failed_tries(client, service)
    return client


@contextmanager
def ledger_from_connection(postgres_conn_id: str = POSTGRES_CONN_ID, **parameters: Any) -> Iterator[Ledger]:
    """Open the ledger and close its database connection at the end.

    Args:
        postgres_conn_id: Airflow's name of the connection.
        parameters: More libpq parameters; they take precedence over the connection's own, and those over the time limits.

    Raises:
        ConfigurationError: A COGMILL_ variable has an invalid value.
        ServiceUnavailableError: PostgreSQL does not answer or refuses the role.
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook
    from cogmill.domain.errors import ServiceUnavailableError
    from cogmill.ledger import Ledger
    from psycopg import Connection, OperationalError

    limits = _time_limits()
    airflow_connection = BaseHook.get_connection(postgres_conn_id)
    own = {**airflow_connection.extra_dejson, **parameters}
    airflow_connection.extra = json.dumps(limits.parameters(**own))
    try:
        connection = PostgresHook(connection=airflow_connection).get_conn()
    except OperationalError as err:
        raise ServiceUnavailableError(f"connection {postgres_conn_id}: {err}") from err
    try:
        # the hook's type also admits psycopg2
        yield Ledger(cast("Connection[Any]", connection), limits.silence_s)
    finally:
        connection.close()


def _time_limits() -> TimeLimits:
    from cogmill.config.settings import load_settings
    from cogmill.ledger.connection.silence import TimeLimits

    settings = load_settings()
    return TimeLimits(
        silence_s=settings.silence_seconds,
        statement_s=settings.statement_seconds,
        lock_s=settings.lock_seconds,
        idle_in_transaction_s=settings.idle_transaction_seconds,
    )


@contextmanager
def archive_from_connections(
    *, aws_conn_id: str = AWS_CONN_ID, postgres_conn_id: str = POSTGRES_CONN_ID
) -> Iterator[Archive]:
    """Open bucket, ledger and settings together, as the pipeline's functions take them.

    Raises:
        ServiceUnavailableError: PostgreSQL or S3 does not answer.
        ConfigurationError: A COGMILL_ variable has an invalid value, or the bucket is not the ledger's.
    """
    from cogmill.aws.s3 import S3Store
    from cogmill.config.settings import load_settings
    from cogmill.pipeline.archive import open_archive

    settings = load_settings()
    store = S3Store(s3_client(aws_conn_id), settings.bucket, settings.prefix, settings.public_bucket)
    queue = event_queue(settings, aws_conn_id) if settings.events == "sqs" else None
    with ledger_from_connection(postgres_conn_id) as ledger:
        yield open_archive(store, ledger, settings, queue)


def event_queue(settings: Settings, aws_conn_id: str = AWS_CONN_ID) -> EventQueue:
    """Return the queue of S3 notifications; endpoint and credentials are those of the S3 connection."""
    from airflow.providers.amazon.aws.hooks.sqs import SqsHook
    from cogmill.aws.sqs import EventQueue

    client = _limited(SqsHook(aws_conn_id=aws_conn_id), "sqs")
    return EventQueue(client, settings.events_queue_url, settings.events_dead_letter_url)
