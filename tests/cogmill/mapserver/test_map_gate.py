"""What the gate shares among those who ask at once: the real nginx with the real door and gate, and a slow painter behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

TILE = "mode=tile&tilemode=gmap&tile=1+2+3&layers=all"


def at_once(front: str, queries: list[str]) -> list[str]:
    def ask(query: str) -> str:
        return httpx.get(f"{front}?{query}", trust_env=False, timeout=30).text

    with ThreadPoolExecutor(len(queries)) as people:
        return list(people.map(ask, queries))


def test_one_picture_is_shared_by_all_who_ask_for_it(front: str) -> None:
    spellings = [
        TILE,
        "MODE=tile&TILEMODE=gmap&Tile=1%202%203&LAYERS=all",
        "&".join(reversed(TILE.split("&"))),
        f"{TILE}&_=7",
    ]

    answers = at_once(front, [f"map=/mapfiles/a.map&{words}" for words in spellings * 2])

    assert len(set(answers)) == 1
    assert answers[0].startswith("a ")


def test_services_with_the_same_layers_share_no_picture(front: str) -> None:
    names = ["b", "c", "d"] * 3

    answers = at_once(front, [f"map=/mapfiles/{name}.map&{TILE}" for name in names])

    assert [answer.partition(" ")[0] for answer in answers] == names
    assert len(set(answers)) == 3
