"""The user may do all that the rollout will do."""

from __future__ import annotations

from collections.abc import Iterator

from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Facts


def checks(facts: Facts) -> Iterator[Check]:
    """Yield one row: every right that is missing."""
    missing = [f"{right.verb} {right.resource}" for right in facts.rights if not right.allowed]
    namespace = facts.plan.route.namespace
    if missing:
        remedy = f"grant it by a Role in namespace {namespace}; see `kubectl auth can-i --list -n {namespace}`"
        yield Check("rights", f"you may not {', '.join(missing)}", remedy)
    elif facts.rights:
        yield Check("rights", f"all {len(facts.rights)} that a rollout needs")
