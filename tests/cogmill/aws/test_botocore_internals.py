from __future__ import annotations

from botocore.utils import parse_timestamp
from cogmill.aws.botocore_internals import set_timestamp_parser


def test_a_ready_client_reads_the_times_of_a_listing_with_our_function(bucket):
    client, name = bucket
    client.put_object(Bucket=name, Key="x", Body=b"x")
    written = []

    def read(value):
        written.append(value)
        return parse_timestamp(value)

    set_timestamp_parser(client, read)
    (entry,) = client.list_objects_v2(Bucket=name)["Contents"]

    assert [parse_timestamp(value) for value in written] == [entry["LastModified"]]


def test_a_botocore_without_these_attributes_costs_a_warning(caplog):
    set_timestamp_parser(object(), parse_timestamp)

    assert "timestamp_parser_not_set" in caplog.text
