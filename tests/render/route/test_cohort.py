"""Requests with an id are split by its last three hex digits: nested shares, and no id that two rules take."""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from inferencepool_rollout.kube.cohort import BUCKETS, buckets, is_cohort
from inferencepool_rollout.kube.matching import Request, met
from inferencepool_rollout.kube.route import PoolRef, Route
from kit.charts import RenderError, only, render

HEADER = "x-user-hash"
NEW = PoolRef("default", "pool-new")


def route(percent: int = 10, **values: Any) -> Route:
    """The route with cohorts at that weight of the new pool."""
    every = {"cohort": {"header": HEADER}, "weights": {"new": percent}, **values}
    return Route(only(render("rollout-route", "route", every), "HTTPRoute"))


def leads_to(live: Route, path: str = "/v1/completions", **headers: str) -> list[str]:
    """Pools that may answer a request."""
    request = Request("llm.example.com", path, {name.replace("_", "-"): value for name, value in headers.items()})
    found = met(request, [live], [("default", "inference-gateway")])
    return [ref["name"] for ref in found.rule["backendRefs"]] if found else []


@pytest.fixture(scope="module")
def routes() -> list[Route]:
    """The route at each weight from 0 to 100."""
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(route, range(101)))


@pytest.fixture(scope="module")
def moved(routes: list[Route]) -> list[frozenset[int]]:
    """The buckets that lead to the new pool at each weight."""
    return [
        frozenset().union(*(buckets(rule) for rule in live.weighted if rule["name"].endswith(".cohort-new")))
        for live in routes
    ]


def test_who_has_moved_stays_moved_as_the_weight_grows(moved: list[frozenset[int]]) -> None:
    assert all(before < after for before, after in itertools.pairwise(moved))


def test_the_share_is_the_weight_to_an_eighth_of_a_thousandth(moved: list[frozenset[int]]) -> None:
    worst = max(abs(len(found) / BUCKETS - percent / 100) for percent, found in enumerate(moved))
    assert worst <= 0.5 / BUCKETS
    assert (len(moved[0]), len(moved[100])) == (0, BUCKETS)


def test_each_id_has_one_rule_at_every_weight(routes: list[Route]) -> None:
    for live in routes:
        taken = [bucket for rule in live.weighted if is_cohort(rule) for bucket in buckets(rule)]
        assert sorted(taken) == list(range(BUCKETS))


def test_the_driver_reads_the_weight_from_the_buckets(routes: list[Route]) -> None:
    for percent, live in enumerate(routes):
        assert (live.percent(NEW), live.least(NEW)) == (percent, percent)


@pytest.mark.parametrize(
    ("value", "pools"),
    [
        ("3f2504e0-4f89-41d3-9a0c-0305e82c3198", ["pool-new"]),  # 0x198 = 408 < 410
        ("3f2504e0-4f89-41d3-9a0c-0305e82c3199", ["pool-new"]),
        ("3f2504e0-4f89-41d3-9a0c-0305e82c319a", ["pool-old"]),  # 0x19a = 410 = 10 % of 4096, rounded
        ("3F2504E0-4F89-41D3-9A0C-0305E82C319A", ["pool-old"]),
        ("3F2504E0-4F89-41D3-9A0C-0305E82C30AF", ["pool-new"]),
        ("fff", ["pool-old"]),
        ("000", ["pool-new"]),
        ("anonymous", ["pool-old", "pool-new"]),
        ("12", ["pool-old", "pool-new"]),
        ("000 ", ["pool-old", "pool-new"]),
    ],
)
def test_an_id_goes_where_its_last_three_digits_say(value: str, pools: list[str]) -> None:
    assert leads_to(route(10), **{HEADER: value}) == pools


def test_a_request_without_the_header_is_split_by_the_weights() -> None:
    assert leads_to(route(10)) == ["pool-old", "pool-new"]


def test_testers_go_before_ids() -> None:
    canary = [{"backend": "new", "headers": [{"name": "x-canary", "value": "new"}]}]
    assert leads_to(route(0, canary=canary), x_canary="new", **{HEADER: "fff"}) == ["pool-new"]


def test_those_who_stay_come_first() -> None:
    """A gateway that takes any value for a match of a regular expression then moves nobody."""
    names = [rule["name"].rpartition(".")[2] for rule in route(10).weighted]
    assert names == ["cohort-old", "cohort-new", "all"]


def test_a_rules_own_matches_and_headers_hold_for_ids_too() -> None:
    match = {"path": {"value": "/chat"}, "headers": [{"name": "x-tenant", "value": "a"}]}
    live = route(50, rules=[{"name": "chat", "matches": [match], "requestHeaders": {"remove": ["x-a"]}}])
    assert leads_to(live, "/chat", x_tenant="a", **{HEADER: "000"}) == ["pool-new"]
    assert leads_to(live, "/chat", x_tenant="b", **{HEADER: "000"}) == []
    assert [rule["filters"] for rule in live.weighted] == [live.weighted[0]["filters"]] * 3


def test_each_answer_to_an_id_is_marked_with_its_pool() -> None:
    for rule in route(50).weighted[:2]:
        ((mark,),) = [ref["filters"][0]["responseHeaderModifier"]["set"] for ref in rule["backendRefs"]]
        assert mark["value"].endswith(rule["name"].rpartition("-")[2])


def test_a_cohort_without_a_header_changes_nothing() -> None:
    assert route(10, cohort={}).spec["rules"] == route(10, cohort={"header": HEADER}).spec["rules"][2:]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"backends": [{"name": name, "pool": name} for name in ("old", "new", "b")]},
            "ids move from one pool to another, and backends has 3: name two",
        ),
        ({"sessionPersistence": {"type": "Cookie"}}, "rule all has sessionPersistence, which keeps a client"),
        ({"rules": [{"name": "a", "sessionPersistence": {"type": "Cookie"}}]}, "rule a has sessionPersistence"),
        ({"rules": [{"name": str(n)} for n in range(6)], "paths": ["/"]}, "with canary and cohort they make 18 rules"),
        ({"rules": [{"name": "a", "models": ["m"]}], "modelHeader": "X-User-Hash"}, "twice .*, beside modelHeader"),
        ({"cohort": {"header": "x id"}}, "does not match pattern"),
        ({"cohort": {"haeder": "x-id"}}, "additional properties 'haeder' not allowed"),
    ],
)
def test_a_cohort_that_cannot_be_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RenderError, match=sentence):
        route(10, **values)


def test_the_regular_expression_says_the_same_where_the_whole_value_has_to_match() -> None:
    """Envoy compares the whole value, nginx looks for the pattern in it."""
    for rule in route(37).weighted[:2]:
        pattern = rule["matches"][0]["headers"][-1]["value"]
        whole = frozenset(n for n in range(BUCKETS) if re.fullmatch(pattern, f"ab{n:03x}"))
        assert whole == buckets(rule)
