"""Every plugin preset of the EPP 1.x is loaded by a real one, and what it can't decode stops it."""

from __future__ import annotations

import pytest

from kit.epp_lines import PRESETS, custom, presets_of
from kit.namespace import Namespace
from kit.pools import NO_SERVERS, epp_log, rendered
from kit.wait import wait_until

OFFERED = sorted(presets_of("1.x"))


@pytest.fixture(scope="module")
def epps(shared: Namespace) -> Namespace:
    """One EPP a preset, each with a pool of its own that has no model server, and one with a preset of 0.5."""
    for preset in OFFERED:
        needed = PRESETS[preset].get("env", {})  # loading does not need the servers themselves
        env = [{"name": name, "value": "http://localhost:8001"} for name in needed]
        values = {**NO_SERVERS, "epp.plugins.preset": preset, "epp.extraEnv": env}
        shared.apply(*rendered(shared, preset, values))
    values = {**NO_SERVERS, "epp.plugins": {"preset": "custom", "custom": custom("guide-default", "0.5")}}
    shared.apply(*rendered(shared, "older", values))
    return shared


@pytest.mark.parametrize("preset", OFFERED)
def test_a_real_epp_loads_the_preset(epps: Namespace, preset: str) -> None:
    epps.rolled_out(f"{preset}-epp", seconds=90)
    assert "loaded configuration from file/text successfully" in epp_log(epps, preset)


def test_a_preset_of_another_family_would_stop_it(epps: Namespace) -> None:
    stopped = "plugin type 'low-queue-filter' is not registered"
    wait_until(lambda: stopped in epp_log(epps, "older"), f"the EPP says: {stopped}", pause=1)
