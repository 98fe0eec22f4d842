"""A load sends what its plan says: how many, how fast, over which connections, and when it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from kit import completion_servers as servers
from kit.completion_servers import serving


def test_a_closed_loop_keeps_its_workers_busy_and_sends_no_more_than_they_can() -> None:
    with serving(servers.late) as server:
        send(server.url, Completion("m"), Plan(workers=5, count=40))
    assert (server.requests, server.most_in_flight) == (40, 5)


@pytest.mark.parametrize(("keep_alive", "connections"), [(True, 4), (False, 24)])
def test_connections_are_reused_only_if_asked(keep_alive: bool, connections: int) -> None:
    with serving(servers.late) as server:
        send(server.url, Completion("m"), Plan(workers=4, count=24, keep_alive=keep_alive))
    assert len(server.connections) == connections


def test_a_duration_ends_the_load_and_awaits_what_is_in_flight() -> None:
    with serving(servers.late) as server:
        answers = send(server.url, Completion("m"), Plan(workers=2, seconds=0.5))
    assert answers.lost == 0
    assert server.requests == len(answers)
    assert 0 < np.ptp(answers.started) <= 0.5


def test_an_open_loop_sends_at_its_rate_whatever_the_latency() -> None:
    with serving(servers.late) as server:
        answers = send(server.url, Completion("m"), Plan(workers=50, rate=100, seconds=1))
    assert len(answers) == 100
    assert np.diff(np.sort(answers.started)) == pytest.approx(np.full(99, 0.01), abs=1e-5)


def test_an_open_loop_counts_waiting_for_a_stalled_server_as_latency() -> None:
    stalled = False

    async def stall_once(request: web.Request) -> web.StreamResponse:
        nonlocal stalled
        if not stalled:
            stalled = True
            await asyncio.sleep(0.5)
        return await servers.whole(request)

    with serving(stall_once) as server:
        answers = send(server.url, Completion("m"), Plan(workers=1, rate=100, count=60))
    # Requests due 0, 10, ... 390 ms after the first all find the only worker busy until 500 ms.
    assert np.count_nonzero(answers.latency > 0.1) >= 40


def test_leaving_the_block_stops_a_background_load_at_once() -> None:
    with serving(servers.whole) as server:
        began = time.monotonic()
        with background(server.url, Completion("m"), Plan(rate=0.1, seconds=600)) as load:
            while not len(load):
                time.sleep(0.01)
            seen = load.answers()
        assert time.monotonic() - began < 5
    assert len(seen) == len(load.answers()) == 1


def test_a_host_header_reaches_the_server() -> None:
    with serving(servers.whole) as server:
        send(server.url, Completion("m", headers={"Host": "llm.example.com"}), Plan(count=3))
    assert server.hosts == {"llm.example.com"}


def test_since_keeps_only_later_requests() -> None:
    with serving(servers.late) as server:
        answers = send(server.url, Completion("m"), Plan(workers=1, count=6))
    middle = float(np.sort(answers.started)[3])
    assert len(answers.since(middle)) == 3
    assert len(answers.since(middle).pod) == 3


def test_progress_is_told() -> None:
    told: list[int] = []
    with serving(servers.late) as server:
        send(server.url, Completion("m"), Plan(workers=1, count=12), told.append)
    assert told and told == sorted(told)


@given(count=st.integers(1, 200), rate=st.floats(1, 1e6))
def test_an_open_loop_s_requests_fall_due_evenly(count: int, rate: float) -> None:
    due = [when for when, _, _ in Plan(count=count, rate=rate).due(Completion("m"))]
    assert len(due) == count
    assert np.diff(due) == pytest.approx(np.full(count - 1, 1 / rate), abs=1e-6)


@pytest.mark.parametrize(
    "change", [{"count": None}, {"count": 0}, {"workers": -1}, {"rate": 0.0}, {"seconds": float("nan")}, {"timeout": 0}]
)
def test_a_plan_without_end_or_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="load"):
        replace(Plan(count=1), **change)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999999"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Failure, match="URL"):
        send(url, Completion("m"), Plan(count=1))


def test_what_is_settled_misses_no_slow_request() -> None:
    requests = gaps = 0

    async def every_third_slow(request: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        if requests % 3 == 0:
            await asyncio.sleep(0.3)
        return await servers.whole(request)

    plan = Plan(workers=100, rate=100, seconds=2)
    with serving(every_third_slow) as server, background(server.url, Completion("m"), plan) as load:
        while not load.ended.wait(0.05):
            settled, started = load.settled(), np.sort(load.answers().started)
            fair = started[started < settled]
            assert np.diff(fair) == pytest.approx(np.full(max(len(fair) - 1, 0), 0.01), abs=1e-5)
            gaps += bool(np.any(np.diff(started) > 0.015))
    assert gaps, "else the test shows nothing"
    assert np.all(load.answers().started < load.settled())
    assert len(load) == 200


def test_an_answer_that_is_being_judged_does_not_age() -> None:
    async def long(request: web.Request) -> web.StreamResponse:
        body = servers.EVENT * 20_000 + servers.DONE
        return web.Response(body=body, content_type="text/event-stream")

    ages: list[float] = []
    plan, began = Plan(workers=1, count=1), time.perf_counter()
    with serving(long) as server, background(server.url, Completion("m", stream=True), plan) as load:
        while not load.ended.wait(0.01):
            ages += [each.e2e for each in load.pending()]
    (latency,) = load.answers().latency
    assert max(ages) <= latency
    assert time.perf_counter() - began > 1.5 * latency, "else the test shows nothing"
