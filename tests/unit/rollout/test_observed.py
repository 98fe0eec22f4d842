"""Who answered is told by the route's mark, else by the pod, and never by what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from inferencepool_rollout.evidence.observed import CONTRADICTED, Observed, observe
from inferencepool_rollout.traffic.answers import Answer, Answers, Cause

PODS = {"pool-old-1": "old", "pool-new-1": "new"}
POOLS = {"pool-old": "old", "pool-new": "new"}


def observed(mark: str, pod: str, led: str = "", cause: Cause = Cause.NONE) -> Observed:
    """One answer."""
    row = Answer(0, 0.1, 0.05, 200, cause, pod, 2, "", mark, tpot=0.01)
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
    assert np.array([seen.ttft[0], seen.tpot[0], seen.e2e[0]]) == pytest.approx([0.05, 0.01, 0.1])
