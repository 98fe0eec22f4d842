"""A step as a table that is redrawn while one waits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from inferencepool_rollout.evidence.decision import Decision, State
from inferencepool_rollout.evidence.observed import Observed
from inferencepool_rollout.evidence.users import Seen
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.traffic.quantiles import Floats
from inferencepool_rollout.traffic.sequential import anytime_interval

BARS = "▁▂▃▄▅▆▇█"
COLOURS = {State.KEPT: "green", State.VIOLATED: "bold red", State.OPEN: "yellow", State.UNKNOWN: "dim"}
BINS = 24
ROWS = ("share (99.9 %)", "answers", "failed", "picks", "TTFT p50/p95", "TPOT p50/p95", "E2E p50/p95", "requests")
USERS_ROWS = ("requests", "failed", "waiting", "TTFT p50/p95", "TPOT p50/p95", "restarts")


def screen(
    plan: Plan, step: Step, observed: Observed, decision: Decision, picks: Mapping[str, int | None], elapsed: float,
    users: Mapping[str, Seen],
) -> Group:  # fmt: skip
    """Return the tables of a step: what either pool did, and what is known of each objective."""
    answered, total = observed.answered(), sum(observed.answered().get(side, 0) for side in ("old", "new"))
    sides = {
        f"{side}, asked {asked} %": (
            "{:.1%} to {:.1%}".format(*anytime_interval(answered.get(side, 0), total, 0.001)),
            str(int((here & observed.good).sum())),
            str(int((here & ~observed.good).sum())),
            "-" if picks.get(side) is None else str(picks[side]),
            *(_marks(observed.latency(metric, side)) for metric in ("ttft", "tpot", "e2e")),
            sparkline(observed.started[here]),
        )
        for side, asked in (("old", 100 - step.percent), ("new", step.percent))
        for here in (observed.pool == side,)
    }
    pools = Table("", *sides)
    for name, *values in zip(ROWS, *sides.values(), strict=True):
        pools.add_row(name, *values)
    title = f"old: {plan.old}\nnew: {plan.new}\n{elapsed:.0f} s of {step.burn_in:.0f} to {step.longest:.0f} s"
    objectives = Table(Column("objective", overflow="fold"), "seen", "accept", "detect", "")
    for each in decision.findings:
        colour = COLOURS[each.state]
        objectives.add_row(
            each.name, each.seen(), each.text(each.accept), each.text(each.detect), f"[{colour}]{each.state}[/]"
        )
    waits = [Text(decision.why)] if decision.why else []
    return Group(title, *waits, pools, *([_users(users)] if users else []), objectives)


def _users(users: Mapping[str, Seen]) -> Table:
    """Everybody's requests, as the pools count them."""
    sides = {
        side: (
            str(seen.requests), str(seen.errors), f"{seen.waiting:.1f}", _in_ms(seen.marks("ttft")),
            _in_ms(seen.marks("tpot")), str(seen.restarts or "-"),
        )
        for side, seen in users.items()
    }  # fmt: skip
    table = Table("everybody's", *sides)
    for name, *values in zip(USERS_ROWS, *sides.values(), strict=True):
        table.add_row(name, *values)
    return table


def sparkline(times: Floats) -> str:
    """Return requests over time as a line of bars."""
    if not times.size:
        return ""
    counts, _ = np.histogram(times, bins=min(BINS, max(2, int(np.ptp(times)))))
    return "".join(BARS[int(count * (len(BARS) - 1) / max(counts.max(), 1))] for count in counts)


def _marks(values: Floats) -> str:
    return _in_ms(np.percentile(values, (50, 95)).tolist()) if values.size else "-"


def _in_ms(marks: Sequence[float]) -> str:
    return "-" if any(map(math.isnan, marks)) else " / ".join(f"{mark * 1e3:.1f}" for mark in marks) + " ms"
