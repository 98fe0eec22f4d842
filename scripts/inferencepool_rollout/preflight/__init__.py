"""What has to be right before weight moves: facts are gathered once, and each check is a pure function of them."""

from __future__ import annotations

from inferencepool_rollout.preflight import (
    capacity,
    gateway,
    pools,
    prometheus,
    releases,
    rights,
    route,
    users,
    workload,
)
from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Facts

SECTIONS = (rights, releases, route, pools, workload, capacity, gateway, prometheus, users)
"""Modules that each have `checks(facts)`; a new check is a function of one of them."""


def preflight(facts: Facts) -> list[Check]:
    """Return the rows of every check."""
    return [check for section in SECTIONS for check in section.checks(facts)]
