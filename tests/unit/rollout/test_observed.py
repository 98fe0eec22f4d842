"""Who answered is told by the route's mark, else by the pod, and never by what was asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inferencepool_rollout.evidence.observed import CONTRADICTED, Observed, observe, observe_in_flight
from inferencepool_rollout.traffic.answers import Answer, Answers, Cause
from inferencepool_rollout.traffic.load import Pending

PODS = {"pool-old-1": "old", "pool-new-1": "new"}
POOLS = {"pool-old": "old", "pool-new": "new"}


def observed(mark: str, pod: str, led: str = "", cause: Cause = Cause.NONE) -> Observed:
    """One answer."""
    row = Answer(0, 0.1, 0.05, 200, cause, pod, 2, "", mark, tpot=0.01, itl=0.02)
    return observe([(Answers.of([row]), led)], PODS, POOLS)


@pytest.mark.parametrize("led", ["", "old", "new"])
@pytest.mark.parametrize(
    ("mark", "pod", "pool"),
    [
        ("pool-new", "", "new"),
        ("pool-new", "pool-new-1", "new"),
        ("pool-old", "a pod that nobody knows yet", "old"),
        ("", "pool-old-1", "old"),
        ("", "other-1", "other-1"),
        ("other", "", "other"),
        ("pool-new", "pool-old-1", CONTRADICTED),
        ("pool-old", "pool-new-1", CONTRADICTED),
        ("other", "pool-new-1", CONTRADICTED),
    ],
)
def test_an_answer_is_attributed_by_what_came_back(mark: str, pod: str, pool: str, led: str) -> None:
    assert observed(mark, pod, led).pool.tolist() == [pool]


def test_a_contradiction_is_counted_and_is_evidence_for_neither_pool() -> None:
    seen = observed("pool-new", "pool-old-1")
    assert seen.contradictions == 1
    assert (seen.latency("ttft", "old").size, seen.latency("ttft", "new").size, seen.new_requests) == (0, 0, 0)
    assert seen.answered() == {}


@pytest.mark.parametrize("led", ["", "old", "new"])
def test_a_good_answer_that_names_nobody_is_counted_as_unattributed(led: str) -> None:
    seen = observed("", "", led)
    assert (seen.unattributed, seen.unattributed_share) == (1, 1.0)
    assert (seen.new_requests, seen.answered()) == (0, {})


@pytest.mark.parametrize(("led", "failed"), [("", 1), ("new", 1), ("old", 0)])
def test_a_failure_that_names_nobody_counts_against_the_new_pool_unless_the_old_one_was_asked(
    led: str, failed: int
) -> None:
    assert observed("", "", led, Cause.CONNECT).new_failed == failed


def test_latencies_are_those_that_the_load_measured() -> None:
    seen = observed("pool-new", "")
    assert np.array([seen.ttft[0], seen.tpot[0], seen.itl[0], seen.e2e[0]]) == pytest.approx([0.05, 0.01, 0.02, 0.1])


@pytest.mark.parametrize(
    ("mark", "pod", "always", "pool"),
    [
        ("pool-new", "", "", "new"),
        ("", "pool-new-1", "", "new"),
        ("pool-new", "", "old", "new"),
        ("", "", "new", "new"),
        ("", "", "", "old"),
        ("pool-new", "pool-old-1", "new", CONTRADICTED),
    ],
)
def test_a_request_in_flight_is_attributed_by_its_head_else_by_its_loads_answers_else_it_is_no_evidence(
    mark: str, pod: str, always: str, pool: str
) -> None:
    seen = observe_in_flight([([Pending(1.0, 2.0, mark, pod)], always)], PODS, POOLS)
    assert seen.pool.tolist() == [pool]
    assert (seen.least("ttft", pool).tolist(), seen.least("e2e", pool).tolist()) == ([1.0], [2.0])
    assert seen.least("tpot", pool).tolist() == []


def test_a_whole_body_in_flight_has_no_first_token_to_wait_for() -> None:
    seen = observe_in_flight([([Pending(math.nan, 2.0, "pool-new", "")], "")], PODS, POOLS)
    assert (seen.least("ttft", "new").size, seen.least("e2e", "new").size) == (0, 1)
