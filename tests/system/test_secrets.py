"""After runs that went well and runs that did not: no credential and no bucket path where people or strangers can read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cogmill.cog.fingerprint import build_fingerprint, cog_digest
from cogmill.cog.profiles import default_profile
from cogmill.domain.model import Bands, Product

from demo.stack import Stack, database
from demo.stack.temporary_stack import free_ports, temporary_stack
from tests.system.airflow_api import AirflowApi
from tests.system.probes import ask, aws_client, wait_until
from tests.system.secret_scanner import BUCKET_PATH, COLLECTION, FOLDER, PATIENCE_S, Sight, requests
from tests.system.small_survey import frame_states, put, write_frame

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1800)]

SIDE = 1200
ACCOUNT = "123456789012"
"""The account that moto plays."""
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:people"
INBOX = "cogmill_inbox"
"""Airflow connection of a notifier that is not ours."""
LONG = pytest.mark.skipif(not os.environ.get("COGMILL_LONG"), reason="takes many minutes; COGMILL_LONG=1 runs it")
RUNS: dict[str, dict[str, Any]] = {
    "compile_indexes": {},
    "maintenance": {"dry_run": False},
    "render_mapfiles": {"collections": ["everything"], "dry_run": False},
    "backfill": {
        "collections": [COLLECTION],
        "prefix": FOLDER,
        "states": ["published"],
        "force": True,
        "dry_run": False,
    },
    "rollback": {"collection": COLLECTION, "dry_run": True},
}


@pytest.fixture(scope="module", params=["collections", pytest.param("operations", marks=LONG)])
def sight(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sight]:
    """Let things go well and not so well, and look all the while: runs of a collection, or those of operations too."""
    folder = tmp_path_factory.mktemp("frames")
    if request.param == "collections":
        seen = Sight(request.getfixturevalue("airflow_stack"))
        run_a_collection(seen, folder)
        yield seen
        return
    with speaking_stack() as stack:
        seen = Sight(stack)
        queues = connect(seen)
        run_a_collection(seen, folder)
        run_operations(seen, folder, queues)
        yield seen


@contextlib.contextmanager
def speaking_stack() -> Iterator[Stack]:
    """Start a stack that hears of uploads by SQS, and sends digests by SNS and by a notifier with a connection of its own."""
    (port,) = free_ports(1)
    queue = f"http://127.0.0.1:{port}/{ACCOUNT}"
    message = {"aws_conn_id": INBOX, "queue_url": f"{queue}/inbox", "message_body": "{{ digest_text }}"}
    notifier = {"class": "airflow.providers.amazon.aws.notifications.sqs.SqsNotifier", "kwargs": message}
    settings = {
        "EVENTS": "sqs", "EVENTS_QUEUE_URL": f"{queue}/uploads", "SWEEP_SECONDS": "10", "NOTIFY_TOPIC": TOPIC,
        "NOTIFIERS": json.dumps([notifier]),
    }  # fmt: skip
    with contextlib.ExitStack() as kept:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in settings.items():
                environment.setenv(f"COGMILL_{name}", value)
            stack = kept.enter_context(temporary_stack(airflow=True, s3_port=port))
        yield stack


def connect(seen: Sight) -> dict[str, str]:
    """Make the queues and the connection, but no topic yet: the first digest gets lost. Returns the queues' addresses."""
    sqs, password = aws_client(seen.stack, "sqs"), secrets.token_urlsafe(16)
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("uploads", "inbox", "mail")}
    arn = sqs.get_queue_attributes(QueueUrl=queues["uploads"], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    heard = [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
    seen.stack.s3_client().put_bucket_notification_configuration(
        Bucket=seen.stack.settings.bucket, NotificationConfiguration={"QueueConfigurations": heard}
    )
    extra = json.dumps({"endpoint_url": seen.stack.settings.s3_url, "region_name": "us-east-1"})
    account = {"connection_id": INBOX, "conn_type": "aws", "login": "people", "password": password, "extra": extra}
    AirflowApi(seen.stack).post("connections", **account)
    seen.canaries["inbox"] = password
    return queues


def run_a_collection(seen: Sight, folder: Path) -> None:
    """Let a run go well in part, be refused in part and fail in part, and cut the watch's connection."""
    stack, api = seen.stack, AirflowApi(seen.stack)
    good, blocked = (write_frame(folder / "a.tif", SIDE, number) for number in range(2))
    recipe = build_fingerprint(default_profile(Bands.BW, Product.FRAMES))
    clash = f"{FOLDER}cog/03-22-51_1-2.{cog_digest(hashlib.sha256(blocked).hexdigest(), recipe)}.tif"
    put(stack, clash, b"somebody else's bytes")
    put(stack, f"{FOLDER}georef/03-22-51_1-1.tif", good)
    put(stack, f"{FOLDER}georef/03-22-51_1-2.tif", blocked)
    put(stack, f"{FOLDER}georef/03-22-51_1-3.tif", write_frame(folder / "b.tif", SIDE, crs=None))

    seen.until("a try fails", lambda: "exists with other bytes" in api.log(f"collection__{COLLECTION}", "build_cogs"))
    stack.s3_client().delete_object(Bucket=stack.settings.bucket, Key=clash)
    seen.until("all is decided", lambda: frame_states(stack, COLLECTION) == ["published", "published", "rejected"])
    wait_until(api.is_quiet, PATIENCE_S)
    with database.connect(stack.paths, stack.settings) as superuser:
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cogmill_writer'")
    seen.until("the watch notices", lambda: "uploads_not_visible" in api.log("watch_uploads", "wait_for_uploads"))
    wait_until(lambda: ask(stack, f"map=/mapfiles/{COLLECTION}.map&{requests()[0]}").status_code == 200, 30)


def run_operations(seen: Sight, folder: Path, queues: dict[str, str]) -> None:
    """Let each DAG of operations fail for want of the database, end well later, and work again; one fails for good."""
    stack, api = seen.stack, AirflowApi(seen.stack)
    sns, sqs = aws_client(stack, "sns"), aws_client(stack, "sqs")
    sns.create_topic(Name=TOPIC.rpartition(":")[2])
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:mail")
    put(stack, f"{FOLDER}georef/03-22-51_1-4.tif", write_frame(folder / "c.tif", SIDE, 3))
    seen.until("there is something to go back to", lambda: frame_states(stack, COLLECTION)[3:] == ["published"])
    seen.until("nothing is at work", api.is_quiet)

    with database.connect(stack.paths, stack.settings) as superuser:
        superuser.execute("ALTER ROLE cogmill_writer NOLOGIN")
        failing = {dag: api.trigger(dag, **conf) for dag, conf in RUNS.items()}
        for dag in failing:
            seen.until(f"{dag} fails", lambda d=dag: "not permitted to log in" in api.log(d))
        superuser.execute("ALTER ROLE cogmill_writer LOGIN")
    for dag, run_id in failing.items():
        seen.until(f"{dag} recovers", lambda d=dag, r=run_id: api.state_of(d, r) == "success")

    put(stack, "mapfiles/notes.txt", b"a stray")
    back = {"collection": COLLECTION, "dry_run": False}  # and forth, the second time
    others = [(dag, conf, "success") for dag, conf in RUNS.items() if dag != "rollback"]
    nothing = ("backfill", {"collections": ["everything"], "first_year": 2100}, "failed")
    for dag, conf, end in [nothing, *[("rollback", back, "success")] * 2, *others]:
        run_id = api.trigger(dag, **conf)
        seen.until(f"{dag} is {end}", lambda d=dag, r=run_id, e=end: api.state_of(d, r) == e)
    for name in ("mail", "inbox"):
        found: list[Any] = []
        while got := sqs.receive_message(QueueUrl=queues[name], MaxNumberOfMessages=10).get("Messages"):
            found += got
        assert found, f"nothing came to {name}"
        seen.messages += [json.dumps(message).encode() for message in found]


def test_no_secret_is_in_logs_nor_in_any_file_of_airflow_after_good_and_bad_runs(sight: Sight) -> None:
    home = sight.stack.paths
    files = [*sight.files(home.airflow), *sight.files(home.log), *sight.files(home.mapfiles)]

    assert sight.leaks(files) == set()
    assert any(b"exists with other bytes" in content for _, content in files)
    assert any(b"uploads_not_visible" in content for _, content in files)


def test_no_bucket_path_is_in_task_logs_after_good_and_bad_runs(sight: Sight) -> None:
    logs = dict(sight.files(sight.stack.paths.airflow / "logs"))

    assert [place for place, content in logs.items() if BUCKET_PATH in content] == []


def test_no_secret_nor_bucket_path_is_in_xcoms_rendered_fields_or_any_table_of_airflow(sight: Sight) -> None:
    rows = list(sight.rows("airflow"))

    assert {"airflow.xcom", "airflow.rendered_task_instance_fields", "airflow.trigger"} <= {place for place, _ in rows}
    assert sight.leaks(rows) == set()
    assert {place for place, content in rows if BUCKET_PATH in content} == set()


def test_no_secret_is_in_the_ledger(sight: Sight) -> None:
    assert sight.leaks(sight.rows("cogmill")) == set()


def test_no_secret_nor_bucket_path_is_in_object_metadata(sight: Sight) -> None:
    metadata = dict(sight.objects())

    assert sight.leaks(metadata.items()) == set()
    assert [place for place, content in metadata.items() if BUCKET_PATH in content] == []


def test_no_secret_is_in_any_object_and_no_bucket_path_in_mapfiles(sight: Sight) -> None:
    bodies = dict(sight.bodies())

    assert sight.leaks(bodies.items()) == set()
    assert f"mapfiles/{COLLECTION}.map" in bodies
    assert [key for key, body in bodies.items() if key.endswith((".map", ".tif")) and BUCKET_PATH in body] == []


def test_no_secret_nor_bucket_path_is_in_arguments_of_processes(sight: Sight) -> None:
    assert sight.leaks(("arguments", one) for one in sight.arguments) == set()
    assert [one for one in sight.arguments if BUCKET_PATH in one] == []
    assert any(b"mapserv" in one for one in sight.arguments)


def test_process_that_opens_uploads_knows_no_credential(sight: Sight) -> None:
    assert sight.builders
    assert sight.leaks(("environment", one) for one in sight.builders) == set()
    assert [one for one in sight.builders if b"AWS_" in one or b"PGPASS" in one or b"AIRFLOW" in one] == []


def test_no_secret_nor_bucket_path_is_in_answers_of_the_service(sight: Sight) -> None:
    answers = dict(sight.answers())

    assert sight.leaks(answers.items()) == set()
    assert [query for query, content in answers.items() if BUCKET_PATH in content] == []
    assert sum(b"03-22-51" in content for content in answers.values()) >= 2, "nothing was found at the place asked for"


def test_no_secret_nor_bucket_path_is_in_messages_to_people(sight: Sight) -> None:
    failed = "NotFound" in AirflowApi(sight.stack).log(f"collection__{COLLECTION}")  # there was no topic yet

    assert failed == bool(sight.messages), "a digest that could not be sent has left no trace"
    assert sight.leaks(("message", one) for one in sight.messages) == set()
    assert [one for one in sight.messages if BUCKET_PATH in one] == []


def test_no_bucket_path_is_answered_when_a_cog_is_missing(sight: Sight) -> None:
    client, bucket = sight.stack.s3_client(), sight.stack.settings.bucket
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"{FOLDER}cog/03")["Contents"]
    kept = {entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"]) for entry in listed}
    bodies = {key: found["Body"].read() for key, found in kept.items()}
    for key in kept:
        client.delete_object(Bucket=bucket, Key=key)

    try:
        answers = dict(sight.answers())
    finally:
        for key, found in kept.items():
            client.put_object(Bucket=bucket, Key=key, Body=bodies[key], Metadata=found["Metadata"])

    assert sight.leaks(answers.items()) == set()
    assert [query for query, content in answers.items() if BUCKET_PATH in content] == []
