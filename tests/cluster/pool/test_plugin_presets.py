"""Every plugin preset of the EPP 1.x is loaded by a real one, and what it can't decode stops it."""

from __future__ import annotations

import time

import pytest
import yaml

from cluster.pool.pools import Pools
from epp_lines import PRESETS, config_of, data_of, presets_of

OFFERED = sorted(presets_of("1.x"))
STOPPED_SECONDS = 60


@pytest.fixture(scope="module")
def epps(pools: Pools) -> Pools:
    """One EPP a preset, each with a pool of its own that has no model server, and one with a preset of 0.5."""
    alone = {"modelServer": {"replicas": 0}, "lora": {"mode": "none", "adapters": []}, "aliases": [], "objectives": []}
    for preset in OFFERED:
        needed = PRESETS[preset].get("env", {})  # loading does not need the servers themselves
        env = [{"name": name, "value": "http://localhost:8001"} for name in needed]
        epp = {"plugins": {"preset": preset}, "extraEnv": env}
        pools.apply(pools.rendered(preset, {**alone, "epp": epp}))
    head = {"apiVersion": data_of("0.5")["configVersion"], "kind": "EndpointPickerConfig"}
    older = yaml.safe_dump({**head, **config_of("guide-default", "0.5")})
    pools.apply(pools.rendered("older", {**alone, "epp": {"plugins": {"preset": "custom", "custom": older}}}))
    return pools


@pytest.mark.parametrize("preset", OFFERED)
def test_a_real_epp_loads_the_preset(epps: Pools, preset: str) -> None:
    epps.kubectl("rollout", "status", f"deployment/{preset}-epp", "--timeout=90s")
    assert "loaded configuration from file/text successfully" in epps.log(f"{preset}-epp")


def test_a_preset_of_another_family_would_stop_it(epps: Pools) -> None:
    until = time.monotonic() + STOPPED_SECONDS
    while time.monotonic() < until and "is not registered" not in epps.log("older-epp"):
        time.sleep(1)
    assert "plugin type 'low-queue-filter' is not registered" in epps.log("older-epp")
