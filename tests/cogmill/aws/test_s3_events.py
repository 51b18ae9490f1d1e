from __future__ import annotations

import json

import pytest
from cogmill.aws.place import ArchivePlace
from cogmill.aws.s3_events import EventFormatError, UploadEvent, newest, parse_message


def message(*records):
    return json.dumps({"Records": list(records)})


def record(key, name="ObjectCreated:Put", bucket="b", **stored):
    return {"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": key, **stored}}}


@pytest.mark.parametrize(
    ("encoded", "key"),
    [("a+b.tif", "a b.tif"), ("a%2Bb.tif", "a+b.tif"), ("a%2525.tif", "a%25.tif"), ("S%C3%BCd.tif", "Süd.tif")],
)
def test_decodes_keys_exactly_once(encoded, key):
    assert parse_message(message(record(encoded)), ArchivePlace("b")) == [UploadEvent(key, created=True, sequencer="")]


def test_reads_every_record_of_its_own_bucket():
    text = message(record("a"), record("b", "s3:ObjectRemoved:Delete"), record("c", bucket="other"))

    assert [(event.key, event.created) for event in parse_message(text, ArchivePlace("b"))] == [
        ("a", True),
        ("b", False),
    ]


def test_reads_what_lies_below_its_prefix_and_nothing_beside_it():
    text = message(record("aerials/a+b.tif"), record("aerials-old/c.tif"), record("d.tif"), record("aerials%2Fe.tif"))

    assert [event.key for event in parse_message(text, ArchivePlace("b", "aerials/"))] == ["a b.tif", "e.tif"]


def test_reads_what_came_through_sns_and_ignores_test_events():
    assert (
        parse_message(json.dumps({"Type": "Notification", "Message": message(record("a"))}), ArchivePlace("b"))[0].key
        == "a"
    )
    assert parse_message(json.dumps({"Event": "s3:TestEvent", "Bucket": "b"}), ArchivePlace("b")) == []


@pytest.mark.parametrize(
    "body",
    ["", "hello", "[]", "{}", '{"Records": [{}]}', '{"Records": 7}', "null", '{"Message": "x"}', "[" * 100_000,
     message(record(7)), message(record("a", sequencer=7)), message(record("a", name=None))],
    ids=lambda body: body[:20],
)  # fmt: skip
def test_says_so_when_a_message_is_no_event(body):
    with pytest.raises(EventFormatError):
        parse_message(body, ArchivePlace("b"))


def test_keeps_the_newest_event_by_sequencers_padded_on_the_right():
    first, second = UploadEvent("a", created=True, sequencer="00AB"), UploadEvent("a", created=False, sequencer="00ab1")

    assert newest([second, first]) == newest([first, second]) == {"a": second}
