"""A load run as tables for people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.statistics import clopper_pearson, detectable, shares
from inferencepool_rollout.traffic.verdict import POWER, Verdict

MARKS = (50, 90, 99)


def print_answers(console: Console, answers: Answers) -> None:
    """Print what came back: requests, losses by cause, rate, latency percentiles, and who answered."""
    good = answers.good
    ends = answers.started + answers.latency
    took = float(ends.max() - answers.started.min()) if len(answers) else 0.0
    counts = Table("requests", "lost", "requests/s")
    counts.add_row(f"{len(answers)}", f"{answers.lost}", f"{len(answers) / took:.1f}" if took else "-")
    console.print(counts)
    latencies = Table("ms", *(f"p{mark}" for mark in MARKS), "max")
    for name, seconds in (("whole answer", answers.latency[good]), ("first token", answers.ttft[good])):
        known = seconds[~np.isnan(seconds)] * 1e3
        marks = np.percentile(known, (*MARKS, 100)).tolist() if known.size else []
        latencies.add_row(name, *([f"{mark:.1f}" for mark in marks] or ["-"] * (len(MARKS) + 1)))
    console.print(latencies)
    for cause, count in answers.causes().most_common():
        console.print(f"lost {count} by {cause}", markup=False)
    if answers.lost:
        console.print(f"the first of them said: {answers.detail[~good][0]}", markup=False)
    pods = Table(Column("pod", overflow="fold"), "answers")
    for pod, count in answers.by_pod().most_common():
        pods.add_row(pod or "(not named)", str(count))
    console.print(pods)


def print_split(
    console: Console,
    asked: Mapping[str, float],
    answered: Mapping[str, int],
    picked: Mapping[str, int] | None,
    verdict: Verdict,
    alpha: float,
) -> None:
    """Print the split: asked and seen share of each pool with its exact interval, picks, p-values and findings."""
    table = Table(
        Column("pool", overflow="fold"), "asked", "answered", "share", f"{1 - alpha:.1%} interval", "picked by its EPP"
    )
    total = sum(answered.values())
    for (pool, _), share in zip(asked.items(), shares(list(asked.values())), strict=True):
        count = answered.get(pool, 0)
        low, high = clopper_pearson(count, total, alpha) if total else (0.0, 1.0)
        seen = f"{count / total:.1%}" if total else "-"
        picks = "-" if picked is None else str(picked.get(pool, 0))
        table.add_row(pool, f"{share:.1%}", str(count), seen, f"{low:.1%} to {high:.1%}", picks)
    console.print(table)
    if len(asked) == 2 and total:
        (_, (new, weight)), level = asked.items(), alpha if picked is None else alpha / 2
        low, high = detectable(weight / sum(asked.values()), total, level, POWER)
        console.print(f"a true share of {new} below {low:.1%} or above {high:.1%} is refused with {POWER:.0%}")
    for source, p in (("answers", verdict.answers_p), ("picks", verdict.picks_p)):
        if p is not None:
            console.print(f"p of the asked split by {source}: {p:.3g}")
    for finding in verdict.findings:
        console.print(f"FAULT {finding}", markup=False, style="bold red")
