"""The probe tells who will answer what is in flight: by the answers' heads, else by what its load got so far."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web

from inferencepool_rollout.evidence.probe import Probe, Stream
from inferencepool_rollout.traffic.load import Plan as LoadPlan
from inferencepool_rollout.traffic.load import background
from inferencepool_rollout.traffic.request import POOL_HEADER, Completion
from kit import completion_servers as servers
from kit.completion_servers import serving
from kit.plans import plan_of
from unit.rollout.fake_cluster import FakeClient, FakeCluster

ANSWERED = 20


@pytest.mark.parametrize(
    ("led", "answering", "who"),
    [
        ("new", ["pool-new"], "new"),
        ("", ["pool-new"], "old"),
        ("new", ["pool-new", "pool-old"], "old"),
        ("new", ["pool-old"], "old"),
        ("new", [], "old"),
    ],
    ids=["led, and always so", "split", "led, and not always so", "led, and answered by another", "never answered"],
)
def test_a_request_in_flight_without_a_head_is_the_pools_that_gave_every_answer_of_its_load(
    tmp_path: Path, led: str, answering: list[str], who: str
) -> None:
    plan = plan_of(tmp_path)
    requests = 0

    async def some_and_then_none(request: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        if not answering or requests > ANSWERED:
            await asyncio.sleep(30)
        answer = await servers.whole(request)
        answer.headers[POOL_HEADER] = f"default/{answering[requests % len(answering)]}"
        return answer

    cluster = FakeCluster(plan)
    load_plan = LoadPlan(workers=4, rate=200, seconds=60, timeout=2)
    with (
        serving(some_and_then_none) as server,
        background(server.url, Completion("food-review"), load_plan) as load,
    ):
        probe = Probe(plan, FakeClient(cluster), [(Stream(Completion("food-review"), 200, led), load)])
        until = time.monotonic() + 20
        while len(load) < (ANSWERED if answering else 0) or len(load.pending()) < 4:
            assert time.monotonic() < until
            time.sleep(0.01)
        probe.fresh()
        seen = probe.in_flight()
        load.stop()
    assert seen.pool.tolist() == [who] * 4
    assert (seen.e2e > 0).all()
