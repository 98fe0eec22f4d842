"""Every table fits a terminal of 80 columns, and cuts neither a URL nor a name, however long these are."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from inferencepool_lab import demo
from inferencepool_lab.stage import Seen
from inferencepool_rollout import cli
from inferencepool_rollout.drive.screen import screen
from inferencepool_rollout.drive.status import print_status
from inferencepool_rollout.drive.timeline import print_timeline
from inferencepool_rollout.evidence.decision import Decision, Finding, State, decide
from inferencepool_rollout.evidence.observed import Observed
from inferencepool_rollout.evidence.users import Seen as Counted
from inferencepool_rollout.kube.helm import Helm
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.users import Unit
from inferencepool_rollout.preflight.check import Check, print_checks
from inferencepool_rollout.traffic.answers import Answer, Answers, Cause
from inferencepool_rollout.traffic.report import print_answers, print_split
from inferencepool_rollout.traffic.verdict import Verdict, judge
from kit.charts import ROOT
from kit.plans import TEXT, plan_of

COLUMNS = 80
OLD, NEW = f"old-{'a' * 49}", f"new-{'b' * 49}"  # 53 letters are the most that Helm takes for a release
NAMESPACE = "n" * 63
URL = f"https://prometheus.{'very-' * 12}long.example.com/api/v1/query?query=rate"
TABLES = {"rich.table", "inferencepool_rollout.rows"}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    text = (
        TEXT.replace("pool-old", OLD).replace("pool-new", NEW).replace("http://127.0.0.1:8080", URL.partition("?")[0])
    )
    return plan_of(tmp_path, text.replace("route:\n", f"route:\n  namespace: {NAMESPACE}\n").replace("1h", "720h"))


def timeline(console: Console, plan: Plan) -> None:
    print_timeline(console, plan, Helm(plan.route.namespace))


def status(console: Console, plan: Plan) -> None:
    history = [
        {"number": n, "status": "superseded", "description": f'Upgrade "x" failed: {URL}'} for n in range(998, 1003)
    ]
    ready = {"model-server": [True] * 100, "epp": [False]}
    seen = {
        "percent": 10, "next": "judge", "nextPercent": 50, "nextNeedsApproval": True,
        "why": f"the live route is none of the plan's, see {URL}",
        "live": {f"{NAMESPACE}/{OLD}": 90.0, f"{NAMESPACE}/{NEW}": 10.0}, "followed": False, "cohort": "x-user-hash",
        "pods": {OLD: ready, NEW: ready}, "driver": f"{NAMESPACE}@{NAMESPACE} pid 4194304", "hold": URL,
        "capacity": {"unit": "accelerators", "used": 99_999, "most": 100_000, "headroom": 0.07}, "history": history,
    }  # fmt: skip
    print_status(console, seen)


def preflight(console: Console, plan: Plan) -> None:
    checks = [Check("route", f"HTTPRoute {NAMESPACE}/{OLD} takes {URL}", f"curl {URL}"), Check(f"release {NEW}", URL)]
    print_checks(console, checks)


def observed(console: Console, plan: Plan) -> None:
    size = 100_000
    times = np.linspace(0.0, 36_000, size)
    pool, good = np.where(np.arange(size) % 10 == 0, "new", "old"), np.arange(size) % 100 != 0
    cause = np.where(good, "", "status 503")
    seen = Observed(times, times / 7, times / 70, times / 50, times, good, pool, np.full(size, True), cause)
    decision = decide(plan, plan.steps[0], seen, 36_000)
    query = Finding(f"{NAMESPACE} {OLD}", 1e9, 1e9, 1e9, 1.0, 2.0, State.VIOLATED, Unit.SECONDS)
    shown = Decision(decision.action, decision.why, (*decision.findings, query))
    latency = {"ttft": {1.0: 500_000.0, 60.0: 500_000.0}, "tpot": {1.0: 1e6}}
    users = {side: Counted(9_000_000, 90_000, 1000.0, latency, 12) for side in ("old", "new")}
    console.print(screen(plan, plan.steps[0], seen, shown, {"old": 900_000, "new": 100_000}, 36_000, users))


def answers(console: Console, plan: Plan) -> None:
    rows = [Answer(0, 100.0, 0.05, 200, Cause.NONE, f"{OLD}-{'c' * 10}", 2, "", OLD, tpot=0.01)] * 1000
    print_answers(console, Answers.of([*rows, Answer(0, 0.1, 0.05, 503, Cause.STATUS, "", 0, URL, "", tpot=0.01)]))


def split(console: Console, plan: Plan) -> None:
    asked, counts = {OLD: 90.0, NEW: 10.0}, {OLD: 500_000, NEW: 500_000}
    print_split(console, asked, counts, counts, judge(asked, counts, counts), 0.001)


def stages(console: Console, plan: Plan) -> None:
    console.print(demo.COLUMNS.format(*demo.HEAD))
    for stage in demo.STAGES:
        counts = {"pool-old": 900_000, "pool-new": 100_000}
        console.print(demo._row(stage, Seen(1_000_000, counts, counts, 10, 12.34, Verdict(0.123, 0.1, ()))))


Show = Callable[[Console, Plan], None]
CASES: dict[Show, str] = {
    timeline: "inferencepool_rollout.drive.timeline",
    status: "inferencepool_rollout.drive.status",
    preflight: "inferencepool_rollout.preflight.check",
    observed: "inferencepool_rollout.drive.screen",
    answers: "inferencepool_rollout.traffic.report",
    split: "inferencepool_rollout.traffic.report",
    stages: "inferencepool_lab.demo",
}


def shown(show: Show, plan: Plan) -> str:
    """What is printed by a console like the driver's, 80 columns wide."""
    console = Console(file=io.StringIO(), width=COLUMNS, soft_wrap=cli.CONSOLE.soft_wrap)
    show(console, plan)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("show", CASES)
def test_a_table_fits_80_columns_but_for_a_word_that_is_longer(show: Show, plan: Plan) -> None:
    text = shown(show, plan)
    long = [line for line in text.splitlines() if len(line) > COLUMNS and re.match(r"[│┃┏┡├└ ]", line)]
    assert [line for line in long if max(map(len, line.split())) < COLUMNS - 30] == []
    assert text.strip()


@pytest.mark.parametrize("show", CASES)
def test_a_table_leaves_nothing_out(show: Show, plan: Plan) -> None:
    assert "…" not in shown(show, plan)


@pytest.mark.parametrize(
    ("show", "words"),
    [
        (status, [URL, f"{NAMESPACE}/{OLD}", f"{NAMESPACE}/{NEW};", f"{NAMESPACE}@{NAMESPACE}", OLD, NEW]),
        (preflight, [URL, f"curl {URL}", f"{NAMESPACE}/{OLD}", f"release {NEW}"]),
        (observed, [OLD, NEW]),
        (answers, [URL]),
    ],
)
def test_urls_and_names_stand_in_one_piece(show: Show, words: list[str], plan: Plan) -> None:
    text = shown(show, plan)
    assert [word for word in words if word not in text] == []


def test_every_module_with_a_table_is_tried() -> None:
    modules = {
        str(file.relative_to(ROOT / "scripts").with_suffix("")).replace("/", ".")
        for file in (ROOT / "scripts").rglob("*.py")
        if any(f"from {name} import" in file.read_text() for name in TABLES)
    }
    assert modules - {"inferencepool_rollout.rows"} <= set(CASES.values())
