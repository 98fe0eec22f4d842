"""Every file of values that the charts are tried with: the scenarios in their ci/ folders, and what people copy."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kit.charts import CHARTS, NAMES, VALUES

KIND_POOL = VALUES / "kind/pool.yaml"
"""A pool of simulators, for a kind cluster."""
KIND_VLLM = VALUES / "kind/vllm.yaml"
"""A pool of real vLLM on a CPU, for a kind cluster."""
ROUTE = VALUES / "route.yaml"
"""A route between pool-old and pool-new."""
PLANS = sorted(VALUES.glob("plans/*.yaml"))
"""Plans of the driver that people copy."""


class Scenario(NamedTuple):
    """A chart, and a file of values for it."""

    chart: str
    values: Path


def _copied(chart: str) -> list[Path]:
    """Files of values/ for a chart."""
    files = sorted(path for path in VALUES.rglob("*.yaml") if path not in PLANS)
    return [path for path in files if path.stem.startswith("route") == (chart == "rollout-route")]


def of(chart: str) -> list[Path]:
    """Every file of values for a chart."""
    return [*sorted(CHARTS.glob(f"{chart}/ci/*-values.yaml")), *_copied(chart)]


def of_kind(chart: str) -> list[Path]:
    """Those that the tests' cluster takes, which has neither accelerators nor the kinds of add-ons."""
    return [
        {"inferencepool": KIND_POOL, "rollout-route": ROUTE}[chart],
        *(path for path in of(chart) if path.is_relative_to(CHARTS)),
    ]


SCENARIOS = [Scenario(chart, path) for chart in NAMES for path in of(chart)]
"""Each chart with each file of values for it."""
OF_KIND = [Scenario(chart, path) for chart in NAMES for path in of_kind(chart)]
"""Those that the tests' cluster takes."""
