"""Every plugin preset of the EPP 1.x is loaded by a real one, and what it can't decode stops it."""

from __future__ import annotations

import time

import pytest

from charts import CHARTS
from cluster.pool.pools import Pools

PLUGINS = CHARTS / "inferencepool/files/plugins"
PRESETS = sorted(path.stem for path in (PLUGINS / "1.x").glob("*.yaml"))
NO_SERVERS = {"name": "PREDICTION_SERVER_URL", "value": "http://localhost:8001"}  # loading does not need them
STOPPED_SECONDS = 60


@pytest.fixture(scope="module")
def epps(pools: Pools) -> Pools:
    """One EPP a preset, each with a pool of its own that has no model server, and one with a preset of 0.5."""
    alone = {"modelServer": {"replicas": 0}, "lora": {"mode": "none", "adapters": []}, "aliases": [], "objectives": []}
    for preset in PRESETS:
        epp = {"plugins": {"preset": preset}, "extraEnv": [NO_SERVERS]}
        pools.apply(pools.rendered(preset, {**alone, "epp": epp}))
    older = (PLUGINS / "0.5/guide-default.yaml").read_text()
    pools.apply(pools.rendered("older", {**alone, "epp": {"plugins": {"preset": "custom", "custom": older}}}))
    return pools


@pytest.mark.parametrize("preset", PRESETS)
def test_a_real_epp_loads_the_preset(epps: Pools, preset: str) -> None:
    epps.kubectl("rollout", "status", f"deployment/{preset}-epp", "--timeout=90s")
    assert "loaded configuration from file/text successfully" in epps.log(f"{preset}-epp")


def test_a_preset_of_another_generation_would_stop_it(epps: Pools) -> None:
    until = time.monotonic() + STOPPED_SECONDS
    while time.monotonic() < until and "is not registered" not in epps.log("older-epp"):
        time.sleep(1)
    assert "plugin type 'low-queue-filter' is not registered" in epps.log("older-epp")
