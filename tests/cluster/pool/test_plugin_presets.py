"""Every plugin preset of the EPP 1.x is loaded by a real one, and what it can't decode stops it."""

from __future__ import annotations

import pytest

from kit.charts import CHARTS
from kit.namespace import Namespace
from kit.pools import NO_SERVERS, epp_log, rendered
from kit.wait import wait_until

PLUGINS = CHARTS / "inferencepool/files/plugins"
PRESETS = sorted(path.stem for path in (PLUGINS / "1.x").glob("*.yaml"))
PREDICTORS = {"name": "PREDICTION_SERVER_URL", "value": "http://localhost:8001"}  # loading does not need them


@pytest.fixture(scope="module")
def epps(shared: Namespace) -> Namespace:
    """One EPP a preset, each with a pool of its own that has no model server, and one with a preset of 0.5."""
    for preset in PRESETS:
        values = {**NO_SERVERS, "epp.plugins.preset": preset, "epp.extraEnv": [PREDICTORS]}
        shared.apply(*rendered(shared, preset, values))
    older = (PLUGINS / "0.5/guide-default.yaml").read_text()
    values = {**NO_SERVERS, "epp.plugins": {"preset": "custom", "custom": older}}
    shared.apply(*rendered(shared, "older", values))
    return shared


@pytest.mark.parametrize("preset", PRESETS)
def test_a_real_epp_loads_the_preset(epps: Namespace, preset: str) -> None:
    epps.rolled_out(f"{preset}-epp", seconds=90)
    assert "loaded configuration from file/text successfully" in epp_log(epps, preset)


def test_a_preset_of_another_generation_would_stop_it(epps: Namespace) -> None:
    stopped = "plugin type 'low-queue-filter' is not registered"
    wait_until(lambda: stopped in epp_log(epps, "older"), f"the EPP says: {stopped}", pause=1)
