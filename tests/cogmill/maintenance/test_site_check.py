from __future__ import annotations

import io
import json

import pytest
from cogmill.domain.layout import TEXAS, layout_in_use
from cogmill.maintenance.site_check import ROWS, check_keys, main

FRAMES = "bw/Travis/USDA_1951/frames/"
KEYS = [
    FRAMES + "georef/03-22-51_4-173.tif",
    FRAMES + "georef/unknown_4-174.tif",
    FRAMES + "scanned/03-22-51_4-173.tif",
    FRAMES + "03-22-51_4-175.tif",
    FRAMES + "georef/x.tif",
    FRAMES + "georef/03-22-51_4-173.tfw",
    FRAMES + "cog/03-22-51_4-173.0123456789ab.tif",
    "bw/AMS_V23/frames/georef/x_17.tif",
]
SITE = """
layout:
  keys: ["{place}/{agency}_{year}/{bands}/{product}/{stage}/{file}"]
  letters: "äöüÄÖÜß -"
  stages: {georef: georeferenziert}
"""


def readings(keys):
    out = io.StringIO()
    tally = check_keys(keys, out, as_json=True)
    return tally, [json.loads(line) for line in out.getvalue().splitlines()]


def test_tells_what_each_key_would_become():
    tally, found = readings(KEYS)

    assert [entry["becomes"] for entry in found] == [
        "frame",
        "frame",
        "scan",
        "rejected",
        "rejected",
        "ignored",
        "ignored",
        "frame",
    ]
    assert found[0] == {
        "key": KEYS[0],
        "becomes": "frame",
        "collection": "travis_usda_1951_frames",
        "bands": "bw",
        "product": "frames",
        "stage": "georef",
        "date": "03-22-51",
        "first_day": "1951-03-22",
        "last_day": "1951-03-22",
        "roll": "4",
        "frame_number": "173",
    }
    assert (found[1]["first_day"], found[1]["last_day"]) == ("1951-01-01", "1951-12-31")
    assert found[3]["nearest"] == FRAMES + "georef/03-22-51_4-175.tif"
    assert found[4]["detail"] == "'x' is not <date>_<roll>-<frame>"
    assert found[6]["detail"] == f"only Cogmill writes below {FRAMES}cog/"
    assert "first_day" not in found[7]
    assert tally.reasons == {"wrong_folder": 1, "bad_name": 1}
    assert tally.collections["travis_usda_1951_frames"].frames == 2


def test_shows_people_a_table_and_what_it_adds_up_to():
    out = io.StringIO()
    check_keys(KEYS, out)
    lines = out.getvalue().splitlines()

    assert lines[0].split() == ["key", "becomes", "collection", "date", "days", "roll", "frame"]
    assert "Move it to bw/Travis/USDA_1951/frames/georef/03-22-51_4-175.tif." in out.getvalue()
    assert lines[-1] == "8 keys: 3 frames, 1 scans, 2 rejected, 2 ignored (1 bad_name, 1 wrong_folder)"
    assert "travis_usda_1951_frames  2       1      1951-01-01..1951-12-31  0" in lines


def test_shows_of_many_keys_their_collections_and_some_of_what_is_rejected():
    out = io.StringIO()
    check_keys([f"{FRAMES}georef/{'03-22-51_4-' * (n % 2)}{n}.tif" for n in range(2 * ROWS)], out)
    lines = out.getvalue().splitlines()

    assert len(lines) < 40
    assert lines[-1] == "400 keys: 200 frames, 0 scans, 200 rejected, 0 ignored (200 bad_name)"
    whole = io.StringIO()
    check_keys([f"{FRAMES}georef/03-22-51_4-{n}.tif" for n in range(2 * ROWS + 1)], whole, every=True)
    assert whole.getvalue().count("/georef/03-22-51_4-") == 2 * ROWS + 1


def test_the_command_reads_keys_by_a_draft_of_a_site_file(tmp_path, capsys):
    (tmp_path / "site.yaml").write_text(SITE)
    keys = [
        "Bad Sachsa/LGLN_1951/bw/frames/georeferenziert/1951_2-3.tif",
        "",
        "bad sachsa/LGLN_1951/bw/frames/1951_2-3.tif",
    ]
    (tmp_path / "keys").write_text("\r\n".join(keys))
    check = ["site", "check", "--json", "--site", str(tmp_path / "site.yaml"), "--keys", str(tmp_path / "keys")]

    assert main(check) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry.get("collection") for entry in found] == ["badsachsa_lgln_1951_frames", None]
    assert found[1]["nearest"] == "bad sachsa/LGLN_1951/bw/frames/georeferenziert/1951_2-3.tif"
    assert layout_in_use() is TEXAS


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--site", "missing.yaml", "--key", "x"], "missing.yaml"),
        ([], "say which keys"),
        (["--keys", "missing"], "missing"),
    ],
)
def test_the_command_says_why_it_cannot_look(arguments, says, capsys):
    assert main(["site", "check", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("prefix", ["", "county/aerials/"])
def test_the_command_lists_the_bucket(bucket, monkeypatch, capsys, s3_server, prefix):
    client, name = bucket
    client.put_object(Bucket=name, Key=prefix + KEYS[0], Body=b"")
    if prefix:
        client.put_object(Bucket=name, Key="county/wrong.tif", Body=b"")
    credentials = client._request_signer._credentials
    monkeypatch.setenv("AWS_ENDPOINT_URL", client.meta.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("COGMILL_BUCKET", name)
    monkeypatch.setenv("COGMILL_PREFIX", prefix)
    from cogmill.config.settings import load_settings

    load_settings.cache_clear()
    try:
        assert main(["site", "check", "--bucket"]) == 0
    finally:
        load_settings.cache_clear()
    assert "1 keys: 1 frames" in capsys.readouterr().out
