from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml
from cogmill.config.settings import Settings, load_settings, variable
from cogmill.domain.errors import ConfigurationError
from pydantic import ValidationError

from demo.stack.settings import StackSettings

ROOT = Path(__file__).parents[3]


def names_of_others() -> set[str]:
    """`COGMILL_` variables that are read by others than the program: the embedded stack and compose."""
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    stack = {variable(name) for name in StackSettings.model_fields}
    return (stack | {name for service in compose["services"].values() for name in service.get("environment", {})}) - {
        variable(name) for name in Settings.model_fields
    }


@pytest.mark.parametrize("schedule", ["30 3 * * *", "*/15 * * * 1-5", "@hourly", "@quarterly"])
def test_takes_schedules_that_airflow_takes(monkeypatch, schedule):
    from airflow.timetables.trigger import CronTriggerTimetable

    monkeypatch.setenv("COGMILL_COMPILE_SCHEDULE", schedule)

    assert load_settings().compile_schedule == schedule
    CronTriggerTimetable(schedule, timezone="UTC").validate()


@pytest.mark.parametrize("word", ["none", "None", "NONE"])
def test_leaves_a_dag_to_runs_by_hand_when_its_schedule_is_none(monkeypatch, word):
    monkeypatch.setenv("COGMILL_MAINTENANCE_SCHEDULE", word)

    assert load_settings().maintenance_schedule is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("COGMILL_COMPILE_SCHEDULE", "half past three", ["'half past three'", "cron expression", "@hourly"]),
        ("COGMILL_COMPILE_SCHEDULE", "61 3 * * *", ["cron expression"]),
        ("COGMILL_COMPILE_SCHEDULE", "3 * * *", ["cron expression"]),
        ("COGMILL_MAINTENANCE_SCHEDULE", "@continuous", ["@weekly"]),
        ("COGMILL_COMPILE_DEADLINE_MINUTES", "0", ["greater than or equal to 1"]),
        ("COGMILL_BATCH_FRAMES", "many", ["'many'", "integer"]),
        ("COGMILL_AREA", "[1, 2]", ["four numbers"]),
        ("COGMILL_NOTIFIERS", "slack", ["not JSON"]),
        ("COGMILL_AREA", "[-93, 25, -107, 37]", ["[-93", "west <= east"]),
        ("COGMILL_AREA", "[25, -107, 37, -93]", ["in degrees"]),
        ("COGMILL_AREA", "[NaN, 25, -93, 37]", ["finite"]),
        ("COGMILL_EVENTS", "sns", ["'sqs'"]),
        ("COGMILL_EVENTS", "sqs", ["COGMILL_EVENTS_QUEUE_URL"]),
        ("COGMILL_MAPSERVER_URL", "maps.example.org", ["https://"]),
        ("COGMILL_PUBLIC_URL", "s3://cogmill", ["https://"]),
        ("COGMILL_PUBLIC_URL", "https://cdn.example.org/?list-type=2", ["without ?"]),
    ],
)
def test_names_the_variable_and_what_is_allowed_when_a_value_is_wrong(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as wrong:
        load_settings()

    assert all(word in str(wrong.value) for word in [name, *words]), str(wrong.value)


def test_names_every_wrong_value_at_once(monkeypatch):
    monkeypatch.setenv("COGMILL_BATCH_FRAMES", "0")
    monkeypatch.setenv("COGMILL_LEASE_SECONDS", "1")

    with pytest.raises(ConfigurationError, match=r"COGMILL_BATCH_FRAMES.*COGMILL_LEASE_SECONDS"):
        load_settings()


def test_does_not_repeat_what_a_notifier_is_given(monkeypatch):
    monkeypatch.setenv("COGMILL_NOTIFIERS", '[["canary-token"]]')

    with pytest.raises(ConfigurationError, match="COGMILL_NOTIFIERS") as wrong:
        load_settings()

    assert "canary" not in str(wrong.value)


def test_takes_the_default_when_a_variable_is_empty(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.setenv(variable(name), "")

    assert load_settings() == Settings(_env_file=None)


def test_is_read_once_per_process_and_again_after_a_mistake(monkeypatch):
    monkeypatch.setenv("COGMILL_BATCH_FRAMES", "0")
    with pytest.raises(ConfigurationError):
        load_settings()

    monkeypatch.setenv("COGMILL_BATCH_FRAMES", "7")
    first = load_settings()
    monkeypatch.setenv("COGMILL_BATCH_FRAMES", "8")

    assert first.batch_frames == 7
    assert load_settings() is first


def test_names_what_was_meant_when_a_variable_is_misspelled(monkeypatch, caplog):
    monkeypatch.setenv("COGMILL_BATCH_FRAME", "7")

    load_settings()

    assert "COGMILL_BATCH_FRAME did_you_mean=COGMILL_BATCH_FRAMES" in caplog.text


def test_takes_no_variable_of_others_for_a_misspelled_one(monkeypatch, caplog):
    assert len(names_of_others()) > 10
    for name in names_of_others():
        monkeypatch.setenv(name, "")

    with caplog.at_level(logging.WARNING):
        load_settings()

    assert caplog.text == ""


@pytest.mark.parametrize("name", ["cogmill", "Open", "a b", "x", "open/folder"])
def test_a_public_bucket_is_the_name_of_another_bucket(name):
    with pytest.raises(ValidationError):
        Settings(_env_file=None, bucket="cogmill", public_bucket=name)
    assert Settings(_env_file=None, bucket="cogmill", public_bucket="cogmill-open").public_bucket == "cogmill-open"


@pytest.mark.parametrize(
    ("written", "prefix"),
    [
        ("", ""),
        ("/", ""),
        ("aerials", "aerials/"),
        ("/archives/aerials/", "archives/aerials/"),
        ("a.b_c-1/2", "a.b_c-1/2/"),
    ],
)
def test_a_prefix_is_folders_with_a_slash_at_its_end(written, prefix):
    assert Settings(_env_file=None, prefix=written).prefix == prefix


@pytest.mark.parametrize("written", ["a b", "a//b", "../a", "a/./b", "a*", "${x}", "ä", "a?", 'a"b', "a'b", "x" * 101])
def test_a_prefix_has_nothing_that_means_more_to_a_policy_a_shell_or_a_path(written):
    with pytest.raises(ValidationError, match="must be folders such as archives/aerials"):
        Settings(_env_file=None, prefix=written)


def test_drops_the_slash_at_the_end_of_an_address():
    assert Settings(_env_file=None, public_url="https://cdn.example.org/").public_url == "https://cdn.example.org"


def test_example_holds_the_defaults_when_every_line_is_used(tmp_path):
    example = (ROOT / ".env.example").read_text()
    used = tmp_path / ".env"
    used.write_text("\n".join(line.removeprefix("#") for line in example.splitlines() if line.startswith("#COGMILL_")))

    settings = Settings(_env_file=used)

    here = {name: ROOT / getattr(settings, name) for name in ("collections_dir", "site_file")}
    assert settings.model_copy(update=here) == Settings(_env_file=None)
    assert StackSettings(_env_file=used).model_dump(exclude={"public_url", "mapserver_url"}) == StackSettings(
        _env_file=None
    ).model_dump(exclude={"public_url", "mapserver_url"})


@pytest.mark.parametrize("file", sorted((ROOT / "helm").glob("*.yaml")), ids=lambda file: file.name)
def test_takes_the_values_of_the_chart(monkeypatch, file):
    entries = yaml.safe_load(file.read_text())["env"]
    given = {entry["name"]: entry["value"] for entry in entries if entry["name"].startswith("COGMILL_")}
    assert given
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()

    assert {name: str(getattr(settings, name.removeprefix("COGMILL_").lower())) for name in given} == given


def test_takes_the_defaults_of_compose(monkeypatch):
    environment = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["x-airflow"]["environment"]
    given = {name: value for name, value in environment.items() if name.startswith("COGMILL_")}
    for name, value in given.items():
        monkeypatch.setenv(name, value.partition(":-")[2].removesuffix("}"))

    settings = load_settings()

    assert (settings.batch_frames, settings.build_processes) == (20, 1)
    assert settings.public_url == "http://127.0.0.1:9000/cogmill"
