"""vLLM's own resolver, on the same image: a request loads what it names, and waits for it."""

from __future__ import annotations

import statistics

import pytest

from long.vllm.servers import ADAPTER, COSTS, SOURCE, Servers

MODES = {"pool-resolver": "resolver", "pool-old": "syncer"}


@pytest.fixture(scope="module")
def resolver(servers: Servers) -> Servers:
    servers.wait_until_ready("pool-resolver")
    return servers


def test_a_request_loads_the_adapter_that_it_names(resolver: Servers) -> None:
    assert resolver.text("pool-resolver", ADAPTER) == resolver.text("pool-old", ADAPTER)
    assert ADAPTER in resolver.adapters("pool-resolver")


def test_a_name_without_a_folder_is_refused(resolver: Servers) -> None:
    assert resolver.ask("pool-resolver", "nowhere").status == 404


def test_what_the_first_request_of_an_adapter_costs_beside_the_syncer(
    resolver: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = {name: f"/adapters/{name}" for name in COSTS}
    resolver.configure("pool-old", {ADAPTER: SOURCE, **sources})
    resolver.wait_for_adapters("pool-old", ADAPTER, *COSTS)
    asked = [
        (mode, resolver.ask(pool, name), resolver.ask(pool, name)) for name in COSTS for pool, mode in MODES.items()
    ]
    assert {said.status for _, *pair in asked for said in pair} == {200}
    with capsys.disabled():
        print("\nmedian ms of the first and the second request to an adapter:")
        for mode in MODES.values():
            pairs = [pair for of, *pair in asked if of == mode]
            first, second = (
                1000 * statistics.median(said.seconds for said in each) for each in zip(*pairs, strict=True)
            )
            print(f"  {mode:<10}{first:8.0f}{second:8.0f}")
    resolver.configure("pool-old", {ADAPTER: SOURCE})
    resolver.wait_for_adapters("pool-old", ADAPTER)
