"""Load on a completions endpoint: closed or open loop, in the foreground or beside other work."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answer, Answers
from inferencepool_rollout.traffic.request import Completion, exchange

_NAP = 0.2  # seconds after which a waiting worker looks whether the load was stopped


@dataclass(frozen=True)
class Plan:
    """When requests are sent and when the load ends; `count`, `seconds` or both bound it.

    Closed loop: each of `workers` sends its next request when its last one has ended. Open loop, with a `rate`
    (requests/s): requests fall due evenly, whatever became of the earlier ones, with at most `workers` in flight;
    waiting for a free worker counts as latency, so that a stalling server is not flattered (coordinated omission;
    Tene 2013, "How NOT to Measure Latency"). Requests in flight at the end are awaited.
    """

    workers: int = 8
    count: int | None = None
    seconds: float | None = None
    rate: float | None = None
    keep_alive: bool = True
    """Whether a connection serves further requests; else each request opens its own."""
    timeout: float = 60
    """Seconds for one request, all in all."""

    def __post_init__(self) -> None:
        if self.count is None and self.seconds is None:
            raise Failure("a load needs an end: give a count of requests, a duration in seconds, or both")
        for name in ("workers", "count", "seconds", "rate", "timeout"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise Failure(f"{name} of a load must be positive, got {value}")

    def due(self) -> Iterator[float]:
        """Yield for each request the time.perf_counter() at which it is due, until the load's end."""
        began = time.perf_counter()
        until = began + (self.seconds or math.inf)
        sent = 0
        while self.count is None or sent < self.count:
            when = began + sent / self.rate if self.rate else time.perf_counter()
            if when >= until:
                return
            yield when
            sent += 1


class Load:
    """A load under way or ended."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._stopped = threading.Event()
        self._rows: list[Answer] = []
        self._clock = time.time() - time.perf_counter()
        self._in_flight: dict[int, float] = {}  # worker -> when its request was due
        self._last = -math.inf

    def __len__(self) -> int:
        """Requests that have ended so far."""
        return len(self._rows)

    def answers(self, skip: int = 0) -> Answers:
        """Return what has ended so far, less the first `skip`."""
        return Answers.of(self._rows[skip:], self._clock)

    def settled(self) -> float:
        """Return the Unix time before which every request has ended; call it before `answers`.

        Of the requests before it none is missing because it is slow, so their answers are a fair sample.
        """
        last, in_flight = self._last, list(self._in_flight.values())
        return min(in_flight) + self._clock if in_flight else math.nextafter(last + self._clock, math.inf)

    def stop(self) -> None:
        """Send no further request; those in flight are awaited."""
        self._stopped.set()

    async def run(self, url: str, request: Completion, plan: Plan) -> None:
        """Send `request` to the base URL as `plan` says; raises Failure if that is no URL."""
        target, body, due = request.url(url), request.body(), plan.due()

        async def work(session: aiohttp.ClientSession, worker: int) -> None:
            for when in due:
                self._in_flight[worker] = self._last = when
                while (delay := when - time.perf_counter()) > 0 and not self._stopped.is_set():
                    await asyncio.sleep(min(delay, _NAP))
                if self._stopped.is_set():
                    break
                self._rows.append(await exchange(session, target, body, stream=request.stream, start=when))
                del self._in_flight[worker]
            self._in_flight.pop(worker, None)

        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=plan.workers, force_close=not plan.keep_alive),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=plan.timeout),
            headers={
                "Content-Type": "application/json",
                "User-Agent": "inferencepool-rollout",
                **request.headers,
            },
        ) as session:
            await asyncio.gather(*(work(session, worker) for worker in range(plan.workers)))


@contextmanager
def background(url: str, request: Completion, plan: Plan) -> Iterator[Load]:
    """Run a load in a thread of its own while the block runs; leaving the block stops it and awaits its end."""
    load = Load()
    raised: list[BaseException] = []

    def drive() -> None:
        try:
            asyncio.run(load.run(url, request, plan))
        except BaseException as error:
            raised.append(error)
        finally:
            load.ended.set()

    thread = threading.Thread(target=drive, name="load", daemon=True)
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()
    if raised:
        raise raised[0]


def send(url: str, request: Completion, plan: Plan, progress: Callable[[int], None] | None = None) -> Answers:
    """Run a load to its end and return its answers.

    `progress` is told a few times a second how many requests have ended. Ctrl-C ends the load early; what was
    answered until then is returned.
    """
    with background(url, request, plan) as load:
        try:
            while not load.ended.wait(_NAP):
                if progress:
                    progress(len(load))
        except KeyboardInterrupt:
            load.stop()
    return load.answers()
