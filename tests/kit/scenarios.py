"""Every file of values that the charts are tried with: the scenarios in their ci/ folders, and what people copy."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kit.charts import CHARTS, NAMES, VALUES, VALUES_OF

KIND_POOL = VALUES_OF["inferencepool"] / "kind/simulator.yaml"
"""A pool of simulators, for a kind cluster."""
KIND_VLLM = VALUES_OF["inferencepool"] / "kind/vllm.yaml"
"""A pool of real vLLM on a CPU, for a kind cluster."""
ROUTE = VALUES_OF["rollout-route"] / "route.yaml"
"""A route between pool-old and pool-new."""
PLANS = sorted(VALUES.glob("plans/*.yaml"))
"""Plans of the driver that people copy."""


class Scenario(NamedTuple):
    """A chart, and a file of values for it."""

    chart: str
    values: Path


def of(chart: str) -> list[Path]:
    """Every file of values for a chart."""
    return [*sorted(CHARTS.glob(f"{chart}/ci/*-values.yaml")), *sorted(VALUES_OF[chart].rglob("*.yaml"))]


def of_kind(chart: str) -> list[Path]:
    """Those that the tests' cluster takes, which has neither accelerators nor the kinds of add-ons."""
    return [
        {"inferencepool": KIND_POOL, "rollout-route": ROUTE}[chart],
        *(path for path in of(chart) if path.is_relative_to(CHARTS)),
    ]


def alone(chart: str) -> list[Path]:
    """Those that install in an empty namespace of it: the chart refuses a route to pools that are not there."""
    return [path for path in of_kind(chart) if path != ROUTE]


SCENARIOS = [Scenario(chart, path) for chart in NAMES for path in of(chart)]
"""Each chart with each file of values for it."""
OF_KIND = [Scenario(chart, path) for chart in NAMES for path in of_kind(chart)]
"""Those that the tests' cluster takes."""
