"""Load on a completions endpoint: closed or open loop, in the foreground or beside other work."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice, pairwise
from typing import NamedTuple, Protocol

import aiohttp
import uvloop

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answer, Answers
from inferencepool_rollout.traffic.received import Received, printable
from inferencepool_rollout.traffic.request import Completion, exchange

LATE_SECONDS = 0.05
BACKLOG_SECONDS = 1.0
RECENT = 1000
_TIMER = 0.002  # seconds that uvloop's timers, which count whole milliseconds, may be early
_NAP = 0.2  # seconds after which a waiting worker looks whether the load was stopped


class Varied(Protocol):
    """Requests that differ from each other."""

    def requests(self, like: Completion, rate: float | None) -> Iterator[tuple[float, Completion]]:
        """Yield for ever at how many seconds from the beginning a request is due, and the request.

        `like` says what all have in common. Without a `rate` (requests/s) the times say nothing.
        """


@dataclass(frozen=True)
class Plan:
    """When requests are sent and when the load ends; `count`, `seconds` or both bound it.

    Closed loop: each of `workers` sends its next request when its last one has ended. Open loop, with a `rate`
    (requests/s): requests fall due evenly, or as `varied` says, whatever became of the earlier ones, with at most
    `workers` in flight; waiting for a free worker counts as latency, so that a stalling server is not flattered
    (coordinated omission; Tene 2013, "How NOT to Measure Latency"). Requests in flight at the end are awaited.
    """

    workers: int = 8
    count: int | None = None
    seconds: float | None = None
    rate: float | None = None
    keep_alive: bool = True
    """Whether a connection serves further requests; else each request opens its own."""
    timeout: float = 60
    """Seconds for one request, all in all."""
    varied: Varied | None = None
    """The requests, where they differ from each other."""

    def __post_init__(self) -> None:
        if self.count is None and self.seconds is None:
            raise Failure("a load needs an end: give a count of requests, a duration in seconds, or both")
        for name in ("workers", "count", "seconds", "rate", "timeout"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise Failure(f"{name} of a load must be positive, got {value}")

    def due(self, request: Completion) -> Iterator[tuple[float, float, bytes]]:
        """Yield for each request the time.perf_counter() at which it and the next one are due, and its body.

        In a closed loop the next one is never due. `request` says what all of them have in common.
        """
        began = time.perf_counter()
        until = began + (self.seconds or math.inf)
        for (offset, body), (following, _) in islice(pairwise(self._requests(request)), self.count):
            when = began + offset if self.rate else time.perf_counter()
            if when >= until:
                return
            yield when, began + following if self.rate else math.inf, body

    def _requests(self, request: Completion) -> Iterator[tuple[float, bytes]]:
        if self.varied:
            return ((offset, each.body()) for offset, each in self.varied.requests(request, self.rate))
        body = request.body()
        return ((number / self.rate if self.rate else 0.0, body) for number in count())


class Pending(NamedTuple):
    """A request in flight: what its answer's head said so far, and the least latencies (s) that it can still have."""

    ttft: float
    """Until now, or until the first bytes of the body came, which may hold no token; NaN unless a stream is asked."""
    e2e: float
    pool: str
    pod: str


@dataclass
class _Sent:
    """A request that a worker has taken."""

    due: float
    late: float = 0.0
    seen: Received = field(default_factory=Received)

    def pending(self, now: float, stream: bool) -> Pending:
        start, end = self.due + self.late, min(now, self.seen.ended)
        first = self.seen.times[0] if self.seen.times else end
        return Pending(
            first - start if stream else math.nan, end - start, printable(self.seen.pool), printable(self.seen.pod)
        )


class Load:
    """A load under way or ended. Where it ended by a fault, whoever asks what it saw gets the Failure."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.failed: BaseException | None = None
        self._stopped = threading.Event()
        self._rows: list[Answer] = []
        self._late: deque[float] = deque(maxlen=RECENT)
        self.clock = time.time() - time.perf_counter()  # Unix time less the rows' clock, in s
        self._in_flight: dict[int, _Sent] = {}  # worker -> its request
        self._stream = False
        self._last = -math.inf  # when the last request that a worker took was due
        self._next = math.inf  # when the next one is due
        self._plan: Plan | None = None  # while there are requests to take

    def __len__(self) -> int:
        """Requests that have ended so far."""
        return len(self._rows)

    def taken(self) -> list[Answer]:
        """Return the rows of what has ended, by this load's clock, and forget them; for the thread that runs it."""
        rows, self._rows = self._rows, []
        return rows

    def answers(self, skip: int = 0) -> Answers:
        """Return what has ended so far, less the first `skip`; raises Failure if the load ended by a fault."""
        if self.failed:
            raise self.failed
        return Answers.of(self._rows[skip:], self.clock)

    def settled(self) -> float:
        """Return the Unix time before which every request has ended; call it before `answers`.

        Of the requests before it none is missing because it is slow, so their answers are a fair sample.
        """
        last, in_flight = self._last, [each.due for each in list(self._in_flight.values())]
        return min(in_flight) + self.clock if in_flight else math.nextafter(last + self.clock, math.inf)

    def pending(self) -> list[Pending]:
        """Return the requests in flight; called before `answers`, none is missing from both."""
        now = time.perf_counter()
        return [each.pending(now, self._stream) for each in list(self._in_flight.values()) if each.due < now]

    def behind(self) -> str:
        """Say why an open loop does not send at its rate; empty while it does.

        It does not once the next request has been due for more than BACKLOG_SECONDS, all workers being busy.
        """
        plan, backlog = self._plan, time.perf_counter() - self._next
        if plan and backlog > BACKLOG_SECONDS:
            return (
                f"the load does not keep its {plan.rate or 0:g} requests/s: the next has been due for {backlog:.1f} s, "
                f"and all {plan.workers} workers are busy; allow more workers, or lower the rate"
            )
        return ""

    def late(self) -> str:
        """Say that this process sends its requests late; empty while it does not.

        It does once 1 % of the last RECENT requests (100 at least) went out more than LATE_SECONDS after they were due.
        Latencies of such a load are partly the probe's own, alike for either pool, so they hide a difference.
        """
        recent = sorted(self._late)
        if len(recent) >= 100 and (late := recent[-len(recent) // 100]) > LATE_SECONDS:
            return (
                f"the load is sent late: 1 % of the last {len(recent)} requests {late * 1e3:.0f} ms or more after "
                f"they were due (up to {LATE_SECONDS * 1e3:.0f} ms is right); give this process more CPU, or lower "
                "the rate"
            )
        return ""

    def stop(self) -> None:
        """Send no further request; those in flight are awaited."""
        self._stopped.set()

    async def run(self, url: str, request: Completion, plan: Plan) -> None:
        """Send `request` to the base URL as `plan` says; raises Failure if that is no URL, or if a worker dies."""
        target, due, judging = request.url(url), plan.due(request), asyncio.Lock()

        async def work(session: aiohttp.ClientSession, worker: int) -> None:
            for when, following, body in due:
                self._last, self._next = when, following
                self._in_flight[worker] = sent = _Sent(when)
                queued = max(time.perf_counter() - when, 0.0)
                while (delay := when - time.perf_counter()) > 0 and not self._stopped.is_set():
                    await asyncio.sleep(min(delay, _NAP))
                if self._stopped.is_set():
                    break
                sent.late = max(time.perf_counter() - when - queued, 0.0)
                answer = await exchange(
                    session, target, body, stream=request.stream, start=when, seen=sent.seen, judging=judging,
                    late=sent.late, queued=queued,
                )  # fmt: skip
                self._rows.append(answer)
                self._late.append(sent.late)
                del self._in_flight[worker]
            self._plan = None
            self._in_flight.pop(worker, None)

        self._plan, self._stream = plan, request.stream
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=plan.workers, force_close=not plan.keep_alive),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=plan.timeout + _TIMER),
                    headers={
                        "Content-Type": "application/json",
                        "User-Agent": "inferencepool-rollout",
                        **request.headers,
                    },
                ) as session,
                asyncio.TaskGroup() as workers,
            ):
                for worker in range(plan.workers):
                    workers.create_task(work(session, worker))
        except ExceptionGroup as group:
            error = group.exceptions[0]
            raise Failure(
                f"a worker of the load died of {type(error).__name__}: {error}, so the load has ended; this is a "
                "fault of this program, please report it"
            ) from group


@contextmanager
def background(url: str, request: Completion, plan: Plan) -> Iterator[Load]:
    """Run a load in a thread of its own while the block runs; leaving the block stops it and awaits its end."""
    load = Load()

    def drive() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(load.run(url, request, plan))
        except BaseException as error:
            load.failed = error
        finally:
            load.ended.set()

    thread = threading.Thread(target=drive, name="load", daemon=True)
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()
    if load.failed:
        raise load.failed


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
