"""Airflow's configuration, by environment alone: no airflow.cfg is read or needed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from cogmill.config.settings import load_settings
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from demo.stack.paths import StackPaths
from demo.stack.settings import LOOPBACK, REPOSITORY, StackSettings

POOLS = {
    "gdal": "frames being built at the same time",
    "publish": "index and mapfile changes at the same time",
    "backfill": "tasks of backfills at the same time",
}
"""Pools the DAGs name; their slots come from the settings."""

PUBLISH_SLOTS = 2

BACKFILL_SLOTS = 1

PRELOAD = (
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.postgres.hooks.postgres",
    "cogmill_airflow.operators.collection",
    "cogmill.pipeline.publish",
)
"""Modules of the tasks. They load GDAL's bindings for the index files, and neither rasterio nor OpenCV: frames are built in a
process of their own."""

QUIET_WARNINGS = "ignore:GitWildMatchPattern:DeprecationWarning"
"""Airflow 3.3 reads `.airflowignore` by a name that pathspec 1 is about to drop, and says so at the begin of every log."""

FIXED = {
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__DAGS_FOLDER": f"{REPOSITORY}/dags",
    "CORE__PLUGINS_FOLDER": f"{REPOSITORY}/plugins",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    # Everybody on this machine who can reach 127.0.0.1 is an admin; the stack is a demo, not an installation.
    "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    # A new collection is a new DAG; it must not wait half a minute to be written down.
    "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
    "CORE__KILLED_TASK_CLEANUP_TIME": "10",
    "CORE__HIDE_SENSITIVE_VAR_CONN_FIELDS": "True",
    "DAG_PROCESSOR__PARSING_PROCESSES": "1",
    # Files are parsed again when they change; the timer is only for what changes behind them.
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1800",
    "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "2",
    "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "600",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    # A worker that was killed is noticed within about a minute.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "60",
    # There is no other scheduler: one that stood still for a while on a busy machine must not disown its own tasks.
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "180",
    # Task processes are forked from one that has imported what every task needs.
    "SCHEDULER__MP_START_METHOD": "forkserver",
    "CORE__MP_FORKSERVER_PRELOAD": ",".join(PRELOAD),
    "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    "API__HOST": LOOPBACK,
    "API__WORKERS": "1",
    "API__EXPOSE_CONFIG": "False",
    "METRICS__OTEL_ON": "False",
    "LOGGING__COLORED_CONSOLE_LOG": "False",
}
"""Settings that are the same for every stack, without their `AIRFLOW__`."""


def environment(paths: StackPaths, settings: StackSettings) -> dict[str, str]:
    """Return what every component of Airflow gets, secrets included: for a file of mode 0600, never for arguments."""
    keys = paths.keys()
    chosen = {
        "CORE__PARALLELISM": str(settings.airflow_parallelism),
        "CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow_url}/execution/",
        "CORE__FERNET_KEY": f"{keys['fernet']}=",
        "API__PORT": str(settings.airflow_port),
        "API__BASE_URL": settings.airflow_url,
        "API__SECRET_KEY": keys["api_secret"],
        "API_AUTH__JWT_SECRET": keys["jwt_secret"],
        "DATABASE__SQL_ALCHEMY_CONN": _metadata_url(settings, keys["airflow"]),
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(_bundles()),
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": f"{paths.airflow}/bundles",
        "LOGGING__BASE_LOG_FOLDER": f"{paths.airflow}/logs",
        "METRICS__STATSD_ON": str(settings.statsd_port is not None),
        "METRICS__STATSD_HOST": LOOPBACK,
        "METRICS__STATSD_PORT": str(settings.statsd_port or 8125),
    }
    return {
        **settings.program_environment(),
        **_passed_on(),
        **{f"AIRFLOW__{name}": value for name, value in (FIXED | chosen).items()},
        **connections(settings),
        "AIRFLOW_HOME": str(paths.airflow),
        "HOME": str(paths.airflow),
        "TMPDIR": str(paths.tmp),
        "PYTHONPATH": f"{REPOSITORY}/include:{REPOSITORY}/plugins",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": QUIET_WARNINGS,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def connections(settings: StackSettings) -> dict[str, str]:
    """Return the two connections of the DAGs as `AIRFLOW_CONN_*`."""
    secret = settings.s3_secret_key.get_secret_value()
    ledger = {
        "host": LOOPBACK,
        "port": settings.postgis_port,
        "dbname": "cogmill",
        "user": "cogmill_writer",
        "password": settings.writer_password.get_secret_value(),
    }
    return {
        "AIRFLOW_CONN_COGMILL_S3": s3_connection(settings.s3_url, settings.s3_access_key, secret),
        "AIRFLOW_CONN_COGMILL_POSTGIS": postgis_connection(ledger),
    }


def s3_connection(endpoint: str, access_key: str, secret_key: str) -> str:
    """Return the connection to an S3 server as Airflow reads it from the environment."""
    extra = {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }
    return json.dumps({"conn_type": "aws", "login": access_key, "password": secret_key, "extra": extra})


def postgis_connection(libpq: Mapping[str, object]) -> str:
    """Return the connection to a ledger, given by libpq's parameters, as Airflow reads it from the environment."""
    names = {"host": "host", "port": "port", "schema": "dbname", "login": "user", "password": "password"}
    return json.dumps({"conn_type": "postgres", **{ours: libpq[theirs] for ours, theirs in names.items()}})


def pools(settings: StackSettings) -> dict[str, dict[str, object]]:
    """Return the pools in the form `airflow pools import` reads."""
    program = load_settings()
    # a task that asks for more slots than there are waits for ever
    gdal = max(settings.gdal_slots, program.build_processes * program.build_threads)
    slots = {"gdal": gdal, "publish": PUBLISH_SLOTS, "backfill": BACKFILL_SLOTS}
    return {
        name: {"slots": slots[name], "description": text, "include_deferred": False} for name, text in POOLS.items()
    }


def _bundles() -> list[dict[str, object]]:
    return [
        {
            "name": "cogmill",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": f"{REPOSITORY}/dags", "refresh_interval": 30},
        },
        {
            "name": "collections",
            "classpath": "cogmill_airflow.bundle.CollectionsBundle",
            "kwargs": {"refresh_interval": 5},
        },
    ]


def _metadata_url(settings: StackSettings, password: str) -> str:
    return f"postgresql+psycopg2://airflow:{password}@{LOOPBACK}:{settings.postgis_port}/airflow"


def _passed_on() -> dict[str, str]:
    """Settings of the program that were given by environment reach its tasks; the stack's passwords do not."""
    secret = {f"COGMILL_{name.upper()}" for name, field in StackSettings.model_fields.items() if _is_secret(field)}
    return {name: value for name, value in os.environ.items() if name.startswith("COGMILL_") and name not in secret}


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr
