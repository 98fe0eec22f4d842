"""The demo sends as many requests as its claim needs, and says what they could have shown."""

from __future__ import annotations

import pytest

from inferencepool_lab import demo
from inferencepool_rollout.traffic.statistics import power
from inferencepool_rollout.traffic.verdict import ALPHA, POWER

ASKED, LEVEL = 0.1, ALPHA / 2  # half of alpha for the answers, half for the picks


@pytest.mark.parametrize("true", [ASKED - demo.DIFFERENCE, ASKED + demo.DIFFERENCE])
def test_a_share_that_is_off_by_the_claimed_difference_is_refused_with_the_stated_power(true: float) -> None:
    assert power(ASKED, true, LEVEL, demo.enough()) >= POWER


def test_fewer_requests_would_not_do() -> None:
    assert power(ASKED, ASKED + demo.DIFFERENCE, LEVEL, demo.enough() * 95 // 100) < POWER


def test_the_demo_says_what_its_requests_could_have_shown() -> None:
    said = demo._power(demo.enough())
    assert said.startswith(
        f"{demo.enough()} requests at 90/10 refuse a true share of pool-new below 5.9% or above 15.0%"
    )
