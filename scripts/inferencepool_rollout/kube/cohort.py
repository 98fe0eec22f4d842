"""The cohort rules of a route: which ids lead to which pool, by the last hex digits of an id in a request's header.

charts/rollout-route renders them from `cohort.header`. The bucket of an id is its last DIGITS hex digits as a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from inferencepool_rollout.kube.client import Manifest

COHORT = ".cohort-"
"""Stands in the name of a rule for requests with an id."""
DIGITS = 3
BUCKETS = 16**DIGITS


def is_cohort(rule: Manifest) -> bool:
    """Tell whether a rule is for requests with an id."""
    return COHORT in rule.get("name", "")


def split_of(rule: Manifest) -> str:
    """Return the name of the rule whose requests this one splits: its own, or a cohort rule's without its end."""
    return str(rule.get("name", "")).partition(COHORT)[0]


def header(rule: Manifest) -> str:
    """Return the name of the header that holds the ids of a cohort rule; empty if its matches have none."""
    return str(_ids(rule).get("name", ""))


def buckets(rule: Manifest) -> frozenset[int]:
    """Return the buckets of the ids that a cohort rule takes."""
    return _fitting(str(_ids(rule).get("value", "")))


def edges(rules: Iterable[Manifest]) -> list[int]:
    """Return the buckets beside which two cohort rules may meet: the first and the last of each rule."""
    found = [each for rule in rules if (each := buckets(rule))]
    return sorted({edge for each in found for edge in (min(each), max(each))})


def _ids(rule: Manifest) -> Manifest:
    """The match of the header with the id: the chart writes it last."""
    match: Manifest = (rule.get("matches") or [{}])[0]
    headers: list[Manifest] = match.get("headers") or [{}]
    return headers[-1]


@lru_cache(maxsize=256)
def _fitting(pattern: str) -> frozenset[int]:
    """The buckets that fit a regular expression; none if Python cannot read it, as after a hand edit."""
    try:
        fits = re.compile(pattern).search
    except re.error:
        return frozenset()
    return frozenset(bucket for bucket in range(BUCKETS) if fits(f"{bucket:0{DIGITS}x}"))
