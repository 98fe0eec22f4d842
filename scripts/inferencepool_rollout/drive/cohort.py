"""Whether the gateway sends each id where the live route says: asked with ids on both sides of every border."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from inferencepool_rollout.evidence.observed import observe
from inferencepool_rollout.evidence.probe import completion, marks, pods_by_side
from inferencepool_rollout.kube.cohort import DIGITS, buckets, edges, header, is_cohort, split_of
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.kube.snapshot import Pool
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.traffic import load
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.request import Completion

REQUESTS = 5
"""Requests with each id."""
LONGEST_SECONDS = 10.0
"""Longest wait for one of them, a single token: a new pool that hangs has to be judged soon."""

Send = Callable[[str, Completion, load.Plan], Answers]


def wrong_ids(plan: Plan, route: Route, pools: Mapping[str, Pool | None], send: Send) -> str:
    """Ask REQUESTS times with one new id of each bucket at a border, and return what was answered otherwise.

    Empty if nothing was: at 50 % a gateway that splits ids by the weights passes once in 2^20 times. A gateway that
    does not know regular expressions in header matches shows here: one that takes any value for a match sends every id
    by the first rule. An answer that names no pool proves nothing, and neither does none: losses are for the step to
    judge.
    """
    wrong = []
    request = replace(completion(plan, plan.probe.models[0], {}), max_tokens=1)
    bound = load.Plan(count=REQUESTS, workers=REQUESTS, timeout=min(plan.probe.timeout, LONGEST_SECONDS))
    for name, value, pool in _due(route):
        answers = send(plan.gateway.url, replace(request, headers={**request.headers, name: value}), bound)
        sides = set(observe([(answers, "")], pods_by_side(plan, pools), marks(plan)).pool.tolist())
        by = {{"old": plan.old, "new": plan.new}.get(side, side) for side in sides if side}
        if by - {pool}:
            wrong.append(f"{name}: {value} was answered by {' and '.join(sorted(by))} and belongs to {pool}")
    return "; ".join(wrong)


def _due(route: Route) -> Iterator[tuple[str, str, str]]:
    """Header, id and the name of the pool that is due, for each bucket at a border; letters in capitals too."""
    rules = [rule for rule in route.weighted if is_cohort(rule)]
    first = [rule for rule in rules if split_of(rule) == split_of(rules[0])]
    for number, bucket in enumerate(edges(first)):
        rule = next(each for each in first if bucket in buckets(each))
        digits = f"{bucket:0{DIGITS}{'X' if number % 2 else 'x'}}"
        refs = rule.get("backendRefs") or [{}]
        yield header(rule), secrets.token_hex(12) + digits, route.reference(refs[0]).name
