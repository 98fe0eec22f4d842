"""The gateway answers every kind of the probe's requests, and those to one pool are answered by that pool."""

from __future__ import annotations

from collections.abc import Iterator

from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Asked, Facts


def checks(facts: Facts) -> Iterator[Check]:
    """Yield a row for each kind of request."""
    for each in facts.asked:
        why, remedy = _judged(facts, each)
        lost = f"; {each.failed} request{'s' * (each.failed > 1)} lost" if each.failed else ""
        yield Check(f"gateway, {each.name}", f"{why}{lost}", remedy)


def _judged(facts: Facts, each: Asked) -> tuple[str, str]:
    names = {"old": facts.plan.old, "new": facts.plan.new}
    if each.lost:
        return each.lost, f"ask {facts.plan.gateway.url} yourself; correct the gateway, the route or the probe"
    if each.to and each.by and each.by != each.to:
        why = f"sent to {names[each.to]}, and answered by {names.get(each.by, each.by)}"
        return why, f"correct probe.to{each.to.capitalize()}, or the preview route of {names[each.to]}"
    if each.by and each.by not in names:
        return f"answered by {each.by}, which is of neither pool", "correct the route's backends, or gateway.url"
    if each.to and not each.by:
        why = f"answers, but the answer does not name its pool, so nothing proves that {names[each.to]} gave it"
        return why, ""
    return (f"answered by {names[each.by]}" if each.by else "answers"), ""
