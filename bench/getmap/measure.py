"""Ask for pictures and note what they cost: seconds at the client, requests and bytes at the store, memory of the workers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from bench.getmap.pictures import Window
from bench.getmap.served import take

PNG = b"\x89PNG"
LIMIT_S = 30.0
"""A picture that takes longer counts as not drawn."""


@dataclass(frozen=True)
class Candidate:
    """One way of serving a survey."""

    name: str
    url: Callable[[Window], str]
    forget: Callable[[], None]
    """Make it as it is when nothing was read, and ready to answer."""
    memory: Callable[[], int]
    """Resident bytes of one process."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Some pictures of one kind."""

    candidate: str
    frames: int
    scale: int
    clients: int
    cold: bool
    seconds: list[float]
    failed: int
    """Pictures that were not drawn within the limit, or answered with an error; their time is counted too."""
    requests: float
    """To the store, mean of a picture."""
    sent: float
    """Bytes, mean of a picture."""
    cogs: float
    """Opened, mean of a picture."""
    opened: list[int]
    """COGs opened, of each picture; empty where several were drawn at a time."""
    most_requests: int
    most_cogs: int
    repeated: int
    """Requests for bytes that the same picture had asked for before."""
    memory: int
    """Bytes of one worker afterwards."""

    @property
    def p50(self) -> float:
        """Median, seconds."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """95th percentile, seconds."""
        return quantile(self.seconds)


def quantile(seconds: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]


@dataclass
class Asker:
    """Asks one candidate for pictures of one survey."""

    candidate: Candidate
    frames: int
    store: str
    """Address of the byte-range server."""

    def __post_init__(self) -> None:
        self.client = httpx.Client(trust_env=False, timeout=LIMIT_S)

    def draw(self, window: Window) -> tuple[float, bool]:
        """Ask for one picture; return the seconds, and whether it came."""
        begun = time.perf_counter()
        try:
            answer = self.client.get(self.candidate.url(window))
            drawn = answer.content.startswith(PNG)
        except httpx.TransportError:
            drawn = False
        return time.perf_counter() - begun, drawn

    def one_by_one(self, scale: int, windows: Sequence[Window], budget_s: float) -> list[Measured]:
        """Ask for each picture cold and warm, as long as the budget lasts; at least once.

        After one that was not drawn no more are asked for, and it stands for the warm one too: its worker has been ended.
        """
        cold: list[tuple[float, bool, int, int, int, int]] = []
        warm: list[tuple[float, bool, int, int, int, int]] = []
        begun = time.perf_counter()
        for window in windows:
            self.candidate.forget()
            take(self.store)
            for found in (cold, warm):
                seconds, drawn = self.draw(window)
                cost = take(self.store)
                found.append((seconds, drawn, cost.requests, cost.sent, cost.objects, cost.repeated))
                if not drawn:
                    break
            if len(warm) < len(cold):
                warm.append(cold[-1])
            if not warm[-1][1] or time.perf_counter() - begun > budget_s:
                break
        return [self._measured(scale, rows, cold=rows is cold) for rows in (cold, warm)]

    def _measured(self, scale: int, rows: Sequence[tuple[float, bool, int, int, int, int]], *, cold: bool) -> Measured:
        seconds, drawn, requests, sent, cogs, repeated = zip(*rows, strict=True)
        return Measured(
            candidate=self.candidate.name,
            frames=self.frames,
            scale=scale,
            clients=1,
            cold=cold,
            seconds=list(seconds),
            failed=drawn.count(False),
            requests=statistics.mean(requests),
            sent=statistics.mean(sent),
            cogs=statistics.mean(cogs),
            opened=list(cogs),
            most_requests=max(requests),
            most_cogs=max(cogs),
            repeated=sum(repeated),
            memory=self.candidate.memory(),
        )

    def side_by_side(self, scale: int, windows: Sequence[Window], clients: int) -> list[Measured]:
        """Let several clients ask for the pictures in turn, cold and then once more."""
        self.candidate.forget()
        take(self.store)
        return [self._crowd(scale, windows, clients, cold=cold) for cold in (True, False)]

    def _crowd(self, scale: int, windows: Sequence[Window], clients: int, *, cold: bool) -> Measured:
        with ThreadPoolExecutor(clients) as crowd:
            answers = list(crowd.map(self.draw, windows))
        cost, count = take(self.store), len(windows)
        return Measured(
            candidate=self.candidate.name,
            frames=self.frames,
            scale=scale,
            clients=clients,
            cold=cold,
            seconds=[seconds for seconds, _ in answers],
            failed=sum(not drawn for _, drawn in answers),
            requests=cost.requests / count,
            sent=cost.sent / count,
            cogs=cost.objects / count,
            opened=[],
            most_requests=0,
            most_cogs=0,
            repeated=0,
            memory=self.candidate.memory(),
        )
