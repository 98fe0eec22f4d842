"""A real vLLM does not name its pod, and every one of its answers is attributed to its pool by the route's mark."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inferencepool_rollout.evidence.observed import observe
from inferencepool_rollout.traffic.attribution import gained, served
from inferencepool_rollout.traffic.load import Plan, send
from long.vllm.servers import Servers

POOLS = ("pool-old", "pool-new")
REQUESTS = 100


@pytest.mark.parametrize("stream", [True, False], ids=["streams", "whole bodies"])
@pytest.mark.parametrize("led", ["", *POOLS], ids=["by weight", *POOLS])
def test_every_answer_is_attributed_to_the_pool_whose_servers_count_it(
    servers: Servers, led: str, stream: bool
) -> None:
    servers.served_route(50)
    name = servers.namespace.name
    api = servers.namespace.cluster.client()
    request = servers.request(stream=stream, led=led)
    before = {pool: served(api, name, pool) for pool in POOLS}
    answers = send(servers.namespace.cluster.gateway_url, request, Plan(workers=4, count=REQUESTS))
    after = {pool: served(api, name, pool) for pool in POOLS}
    assert answers.lost == 0, (answers.causes(), set(answers.detail.tolist()))
    assert set(answers.pod.tolist()) == {""}, "vLLM names no pod, so the mark alone decides"
    seen = observe([(answers, "")], {}, {f"{name}/{pool}": pool for pool in POOLS})
    assert seen.unattributed == 0
    counted = {pool: count for pool, count in gained(before, after).items() if count}
    assert seen.answered() == counted
    assert set(counted) == ({led} if led else set(POOLS))


@pytest.mark.parametrize("pool", POOLS)
def test_a_refusal_is_attributed_too(servers: Servers, pool: str) -> None:
    mark = f"{servers.namespace.name}/{pool}"
    unknown = replace(servers.request(led=pool), model="nobody")
    refused = send(servers.namespace.cluster.gateway_url, unknown, Plan(count=5))
    assert (set(refused.status.tolist()), set(refused.pool.tolist())) == ({404}, {mark})
