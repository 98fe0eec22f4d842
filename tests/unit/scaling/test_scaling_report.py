"""The report of a rollout that scaled its pools shows replicas and headroom beside the weight."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_rollout.drive.run_log import RunLog, read_log
from inferencepool_rollout.plan.capacity import Capacity
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.report.charts import overview
from inferencepool_rollout.report.data import Report, report
from inferencepool_rollout.report.figures import drawn
from kit.plans import altered, plan_of

SCALING = {"surge": {"accelerators": 1}, "chart": "oci://charts/inferencepool"}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    capacity = {"peak": 28.0, "perReplica": {"old": 10.0, "new": 10.0}, "scaling": SCALING}
    return altered(plan_of(tmp_path), capacity=Capacity.model_validate(capacity))


def of(plan: Plan, folder: Path) -> Report:
    """The report of a rollout that scaled the new pool to 1 and moved 33 % to it."""
    times = iter(range(1000, 1100, 10))
    log = RunLog(folder / "log", lambda: float(next(times)))
    pools = {plan.old: {"replicas": 3}, plan.new: {"replicas": 0}}
    log.write("start", percent=0, by="me", plan=plan.recorded(), cluster="", context="", pools=pools)
    if plan.capacity and plan.capacity.scaling:
        log.write("scale", pool=plan.new, replicas=1, command=["helm", "upgrade"])
    log.write("followed", percent=33, seconds=1.0)
    log.write("end", outcome="held", why="", percent=33)
    return report(read_log(folder / "log"))


def test_sizes_are_those_of_the_start_and_of_each_scaling(plan: Plan, tmp_path: Path) -> None:
    assert [each[1:] for each in of(plan, tmp_path).sizes] == [(3, 0), (3, 1)]


def test_charts_of_replicas_and_headroom_are_drawn(plan: Plan, tmp_path: Path) -> None:
    charts = {chart.name: chart for chart in overview(of(plan, tmp_path))}
    figure = drawn([charts["replicas"], charts["headroom"]], 600, 200)
    (headroom,) = (line for line in figure.axes[1].get_lines() if line.get_label() == "headroom")
    # 3 x 10 requests/s of 28, then 1 x 10 of 33 % of 28
    assert headroom.get_ydata() == pytest.approx([100 * 2 / 28] * 2 + [100 * (10 / 9.24 - 1)] * 2)


def test_a_rollout_that_scales_nothing_has_no_such_chart(plan: Plan, tmp_path: Path) -> None:
    found = of(altered(plan, capacity=None), tmp_path)
    assert not found.sizes
    assert not {"replicas", "headroom"} & {chart.name for chart in overview(found)}
