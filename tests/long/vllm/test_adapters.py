"""A real vLLM serves adapters as its pool's ConfigMap says, from one change to the next and without a restart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kit.wait import KUBELET_SECONDS, wait_until
from long.vllm.servers import ADAPTER, MODEL, SOURCE, Servers

POOL = "pool-old"


@pytest.fixture
def pool(servers: Servers) -> Iterator[Servers]:
    """The pools, of which pool-old's ConfigMap is as it was installed when the test ends; no container restarted."""
    yield servers
    servers.configure(POOL, {ADAPTER: SOURCE})
    servers.wait_for_adapters(POOL, ADAPTER)
    assert servers.restarts(POOL) == 0


def test_an_adapter_answers_otherwise_than_its_base_model(servers: Servers) -> None:
    assert servers.text(POOL, ADAPTER) != servers.text(POOL, MODEL)


def test_the_alias_is_answered_by_the_adapter_in_both_pools(servers: Servers) -> None:
    answers = {servers.text(pool, model) for pool in ("pool-old", "pool-new") for model in (ADAPTER, "food-review")}
    assert len(answers) == 1


def test_an_adapter_that_is_added_to_the_configmap_answers_and_one_that_is_dropped_does_not(pool: Servers) -> None:
    pool.configure(POOL, {ADAPTER: SOURCE, "travel": "/adapters/travel"})
    pool.wait_for_adapters(POOL, ADAPTER, "travel")
    answers = {pool.text(POOL, model) for model in (MODEL, ADAPTER, "travel")}
    assert len(answers) == 3
    pool.configure(POOL, {ADAPTER: SOURCE})
    pool.wait_for_adapters(POOL, ADAPTER)
    assert pool.ask(POOL, "travel").status == 404
    assert pool.text(POOL, ADAPTER) in answers


def test_another_source_of_an_adapter_answers_in_its_place(pool: Servers) -> None:
    before = pool.text(POOL, ADAPTER)
    pool.configure(POOL, {ADAPTER: "/adapters/food-review-2"})
    wait_until(lambda: pool.ask(POOL, ADAPTER).text != before, "the new source answers", KUBELET_SECONDS)
    assert pool.text(POOL, ADAPTER) not in (before, pool.text(POOL, MODEL))
    pool.configure(POOL, {ADAPTER: SOURCE})
    wait_until(lambda: pool.ask(POOL, ADAPTER).text == before, "the old source answers again", KUBELET_SECONDS)


def test_a_source_that_vllm_can_not_load_leaves_the_old_one_in_its_place(pool: Servers) -> None:
    before = pool.text(POOL, ADAPTER)
    pool.configure(POOL, {ADAPTER: "/adapters/rank-64"})
    refusals = pool.failed_loads(POOL)

    def refused() -> bool:
        assert pool.text(POOL, ADAPTER) == before
        return pool.failed_loads(POOL) > refusals

    wait_until(refused, "the syncer has tried", KUBELET_SECONDS)
    assert pool.text(POOL, ADAPTER) == before
