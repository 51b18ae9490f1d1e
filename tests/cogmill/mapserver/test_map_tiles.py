"""Addresses of tiles: the real nginx with the real door and gate, and behind it somebody who tells of services what MapServer tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

MIDDLE = "15/16384/16383"
"""In the square kilometer that every service here covers, north-east of the middle of the grid."""


@pytest.fixture(scope="module")
def ask(front: str) -> Iterator[Callable[..., httpx.Response]]:
    with httpx.Client(trust_env=False, timeout=20) as client:
        yield lambda path, **words: client.send(httpx.Request(words.pop("method", "GET"), front + path, **words))


def test_tile_is_drawn_from_its_mapfile(ask: Callable[..., httpx.Response]) -> None:
    answer = ask(f"tiles/plain/{MIDDLE}.png")

    assert answer.status_code == 200
    assert answer.text.startswith("/mapfiles/plain.map ")
    assert answer.headers["etag"].startswith('W/"')


def test_tiles_of_a_year_are_drawn_from_the_map_of_the_archive(ask: Callable[..., httpx.Response]) -> None:
    assert ask(f"tiles/archive/1951/{MIDDLE}.png").text.startswith("/archive.map ")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "plain",
        "plain/15",
        f"plain/{MIDDLE}",
        f"plain/{MIDDLE}.gif",
        f"plain/{MIDDLE}.PNG",
        f"plain/{MIDDLE}.png.map",
        f"plain/{MIDDLE}@3x.png",
        f"plain/{MIDDLE}@2.png",
        f"plain/{MIDDLE}@.png",
        f"PLAIN/{MIDDLE}.png",
        f"plain.map/{MIDDLE}.png",
        f"plain/{MIDDLE}.png%00",
        f"plain/{MIDDLE}.png%0a",
        f"plain/{MIDDLE}.png/",
        "plain/15/-1/16383.png",
        "plain/15/+1/16383.png",
        "plain/15/1.5/16383.png",
        "plain/15/1e3/16383.png",
        "plain/015/16384/16383.png",
        "plain/15/999999999999999999999/16383.png",
        "plain/15/32768/16383.png",
        "plain/15/16384/32768.png",
        "plain/16/32768/32767.png",
        "plain/1/1/0.png",
        "plain/{z}/{x}/{y}.png",
        f"../tiles/../etc/passwd/{MIDDLE}.png",
        f"..%2f..%2fetc/{MIDDLE}.png",
        f"%2e%2e/plain/{MIDDLE}.png",
        f"archive/{MIDDLE}.png",
        f"archive/51/{MIDDLE}.png",
        f"archive/19511/{MIDDLE}.png",
        f"archive/1951/2/{MIDDLE}.png",
        f"archive/19%2751/{MIDDLE}.png",
        f"plain/plain/{MIDDLE}.png",
        f"/plain//{MIDDLE}.png/x",
        f"absent/{MIDDLE}.png",
        f"withdrawn/{MIDDLE}.png",
    ],
)
def test_address_that_names_no_tile_is_not_found(ask: Callable[..., httpx.Response], path: str) -> None:
    answer = ask(f"tiles/{path}")

    assert answer.status_code in {400, 404}, answer.text
    assert "etag" not in answer.headers


def test_parameters_of_a_client_change_nothing(ask: Callable[..., httpx.Response]) -> None:
    plain = ask(f"tiles/words/{MIDDLE}.png")

    others = [
        ask(f"tiles/words/{MIDDLE}.png?{words}") for words in ("map=/etc/passwd", "_=7", "SLD=x&LAYERS=facts", "YEAR=1")
    ]

    assert {answer.text for answer in others} == {plain.text}
    assert {answer.headers["x-cache"] for answer in others} == {"HIT"}


def test_nothing_is_drawn_outside(ask: Callable[..., httpx.Response]) -> None:
    answer = ask("tiles/plain/15/0/0.png")

    assert (answer.status_code, answer.content) == (204, b"")


def test_client_that_has_the_tile_gets_no_picture(ask: Callable[..., httpx.Response]) -> None:
    tag = ask(f"tiles/kept/{MIDDLE}.png").headers["etag"]

    assert ask(f"tiles/kept/{MIDDLE}.png", headers={"If-None-Match": tag}).status_code == 304
    assert ask(f"tiles/kept/{MIDDLE}.png", headers={"If-None-Match": f'"x", {tag}'}).status_code == 304
    assert ask(f"tiles/kept/{MIDDLE}.png", headers={"If-None-Match": 'W/"x"'}).status_code == 200


def test_service_that_cannot_be_asked_is_busy(ask: Callable[..., httpx.Response]) -> None:
    answer = ask(f"tiles/broken/{MIDDLE}.png")

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


def test_question_about_a_service_cannot_be_asked_from_outside(ask: Callable[..., httpx.Response]) -> None:
    assert ask("tile-service?map=/etc/passwd").status_code == 404
