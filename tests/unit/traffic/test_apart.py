"""Loads in a process of their own are watched as those of a thread are, and never end in silence."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import numpy as np
import pytest
from aiohttp import web

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.apart import apart
from inferencepool_rollout.traffic.load import Load, Plan
from inferencepool_rollout.traffic.request import Completion
from kit import completion_servers as servers
from kit.completion_servers import serving

STEADY = Plan(rate=50, seconds=600)


def await_requests(load: Load, count: int) -> None:
    until = time.monotonic() + 20
    while len(load) < count:
        assert time.monotonic() < until, "no requests"
        time.sleep(0.02)


def test_each_load_has_its_own_answers() -> None:
    tasks = [(Completion("m", stream=True), Plan(count=30)), (Completion("m"), Plan(count=20))]
    with serving(servers.whole) as server, apart([(server.url, *task) for task in tasks]) as (streams, bodies):
        assert streams.ended.wait(20) and bodies.ended.wait(20)
    assert [len(load.answers()) for load in (streams, bodies)] == [30, 20]
    assert [load.answers().lost for load in (streams, bodies)] == [0, 0]
    assert np.isfinite(streams.answers().ttft).all()
    assert abs(streams.answers().started.max() - time.time()) < 60


def test_leaving_the_block_stops_the_loads_and_awaits_what_is_in_flight() -> None:
    with serving(servers.late) as server:
        with apart([(server.url, Completion("m"), STEADY)]) as (load,):
            await_requests(load, 5)
        answers = load.answers()
        assert (len(answers), answers.lost) == (server.requests, 0)


def test_what_is_settled_misses_no_request() -> None:
    with serving(servers.late) as server, apart([(server.url, Completion("m"), STEADY)]) as (load,):
        await_requests(load, 1)
        for _ in range(10):
            settled, started = load.settled(), np.sort(load.answers().started)
            fair = started[started < settled]
            assert np.diff(fair) == pytest.approx(np.full(max(len(fair) - 1, 0), 0.02), abs=1e-5)
            time.sleep(0.05)


def test_what_is_in_flight_is_seen_with_its_age_and_with_who_answers_it() -> None:
    async def named(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"x-inference-pool": "ns/pool-new", "x-inference-pod": "pool-new-1"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await asyncio.sleep(30)
        return response

    request, plan = Completion("m", stream=True), Plan(workers=3, rate=100, seconds=600, timeout=3)
    with serving(named) as server, apart([(server.url, request, plan)]) as (load,):
        until = time.monotonic() + 20
        while not (seen := load.pending()) or min(each.e2e for each in seen) < 1 or not all(e.pool for e in seen):
            assert time.monotonic() < until
            time.sleep(0.02)
        load.stop()
    assert [(each.pool, each.pod) for each in seen] == [("ns/pool-new", "pool-new-1")] * 3
    assert all(each.ttft == each.e2e < 3.5 for each in seen)
    assert load.pending() == []


def test_a_url_that_is_none_is_a_failure() -> None:
    with pytest.raises(Failure, match="base URL"), apart([("nonsense", Completion("m"), STEADY)]) as (load,):
        assert load.ended.wait(20)
        load.answers()


def test_a_process_that_is_killed_is_a_failure_and_no_silence() -> None:
    with (
        pytest.raises(Failure, match="has ended with code -9"),
        serving(servers.whole) as server,
        apart([(server.url, Completion("m"), STEADY)]) as (load,),
    ):
        await_requests(load, 5)
        os.kill(load.process.pid, signal.SIGKILL)
        assert load.ended.wait(20)
        load.answers()


def test_a_computing_starter_does_not_delay_the_load() -> None:
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(range(10_000_000))  # one call, which keeps all other threads of this process waiting

    plan = Plan(100, rate=50, count=100, timeout=0.2)
    with apart([("http://127.0.0.1:9", Completion("m"), plan)]) as (load,):
        threading.Thread(target=compute, daemon=True).start()
        assert load.ended.wait(60)
        over.set()
    assert np.median(load.answers().late) < 0.02
