"""Prometheus answers the plan's queries."""

from __future__ import annotations

from collections.abc import Iterator

from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import PROMETHEUS_SECONDS, Facts


def checks(facts: Facts) -> Iterator[Check]:
    """Yield a row for each query."""
    for name, value in facts.prometheus.items():
        if isinstance(value, str):
            yield Check(f"prometheus, {name}", value, "correct prometheus.url or the query")
        else:
            yield Check(f"prometheus, {name}", f"is {value:g} over the last {PROMETHEUS_SECONDS:.0f} s")
