"""A report tells what the log has: every request, every observation of a step, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from matplotlib.image import imread

from inferencepool_rollout.drive.run_log import RunLog, json_text, read_log
from inferencepool_rollout.evidence.users import Seen
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.report.data import Report, report
from inferencepool_rollout.report.document import document
from inferencepool_rollout.report.figures import write_picture
from inferencepool_rollout.report.page import page
from kit.charts import ROOT
from kit.plans import altered, plan_of
from kit.run_logs import Recorded, done, refused, rolled_back

SCHEMA = ROOT / "scripts/inferencepool_rollout/report/report.schema.json"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


def killed(plan: Plan, folder: Path) -> Recorded:
    """A rollout whose driver was killed at its second step and started again."""
    recorded = Recorded(plan, folder)
    recorded.step(plan.steps[0])
    recorded.step(plan.steps[1], seconds=5, judged=False)
    recorded.now += 30
    recorded.driver(plan.steps[1].percent)
    recorded.step(plan.steps[1], moving=False)
    recorded.end("held", "on hold: by hand")
    return recorded


def without_answers(plan: Plan, folder: Path) -> Recorded:
    """A rollout whose gateway never followed."""
    recorded = Recorded(plan, folder)
    recorded.log.write("step", percent=10, moving=True)
    recorded.now += 60
    recorded.end("failed", "the gateway does not follow after 60 s")
    return recorded


RECORDED = (done, rolled_back, refused, killed, without_answers)


def told(folder: Path) -> Report:
    return report(read_log(folder))


def test_every_request_of_the_log_is_in_the_report(plan: Plan, folder: Path) -> None:
    done(plan, folder)
    looks = told(folder).looks
    assert [look.seen.requests for look in looks] == [3000, 3000, 3000]
    assert [look.share.share for look in looks] == pytest.approx([0.1, 0.5, 1.0], abs=0.05)
    assert all(look.share.low <= look.percent / 100 <= look.share.high for look in looks)


def test_the_split_counts_from_when_the_gateway_followed(plan: Plan, folder: Path) -> None:
    recorded = Recorded(plan, folder)
    early = recorded.requests(0.0, 10)
    recorded.log.write("step", percent=50, moving=True)
    recorded.log.answers(early)
    recorded.now += 10
    recorded.log.write("followed", percent=50, seconds=1.0)
    recorded.log.answers(recorded.requests(0.5, 10))
    (look,) = told(folder).looks
    assert (look.seen.requests, look.split.requests) == (1000, 500)


def test_the_band_of_the_split_narrows_and_ends_where_the_table_does(plan: Plan, folder: Path) -> None:
    done(plan, folder)
    look = told(folder).looks[1]
    shares = list(look.shares())
    assert shares[-1].high - shares[-1].low < (shares[0].high - shares[0].low) / 4
    assert (shares[-1].share, shares[-1].low) == (look.share.share, look.share.low)


def test_a_latency_keeps_its_percentiles(plan: Plan, folder: Path) -> None:
    done(plan, folder)
    look = told(folder).looks[1]
    rows = {(each.metric, each.mark): each for each in look.latencies()}
    assert set(rows) == {(metric, mark) for metric in ("ttft", "tpot", "itl", "e2e") for mark in (50, 90, 95, 99)}
    assert rows["ttft", 50].old == pytest.approx(0.08, rel=0.1)
    assert rows["ttft", 50].ratio == pytest.approx(0.9, rel=0.1)


def test_a_curves_bounds_enclose_it(plan: Plan, folder: Path) -> None:
    done(plan, folder)
    curve = told(folder).looks[0].curve("ttft", "old", 0.01)
    assert curve
    known = ~np.isnan(curve.low)
    assert known.sum() > 20
    assert np.all(curve.low[known] <= curve.value[known])
    known = ~np.isnan(curve.high)
    assert np.all(curve.high[known] >= curve.value[known])


def test_losses_are_told_by_pool_and_reason(plan: Plan, folder: Path) -> None:
    rolled_back(plan, folder)
    first, second = told(folder).looks
    assert first.lost == []
    (each,) = second.lost
    assert (each.pool, each.reason, each.requests) == ("new", "status 503", second.seen.lost)


def test_a_killed_drivers_look_is_told_as_not_judged_beside_the_new_one(plan: Plan, folder: Path) -> None:
    killed(plan, folder)
    looks = told(folder).looks
    assert [(look.percent, look.action) for look in looks] == [(10, "promote"), (50, "not judged"), (50, "promote")]
    assert looks[1].seen.requests == 250


def test_a_rollback_by_hand_is_the_outcome_whatever_the_stopped_driver_says_after_it(plan: Plan, folder: Path) -> None:
    recorded = Recorded(plan, folder)
    recorded.step(plan.steps[0])
    recorded.roll_back("by hand")
    recorded.end("held", "somebody else changed the route")
    assert told(folder).outcome == "rolled back"


def test_a_rollout_under_way_has_no_outcome_yet(plan: Plan, folder: Path) -> None:
    Recorded(plan, folder).step(plan.steps[0])
    assert told(folder).outcome.startswith("under way")


def test_only_the_last_rollout_is_told(plan: Plan, folder: Path) -> None:
    first = rolled_back(plan, folder)
    second = Recorded(plan, folder, now=first.now + 3600)
    second.step(plan.steps[0])
    assert len(told(folder).looks) == 1


def test_a_line_that_a_killed_driver_left_half_written_is_dropped(plan: Plan, folder: Path) -> None:
    recorded = Recorded(plan, folder)
    recorded.step(plan.steps[0])
    with recorded.log.file.open("a") as file:
        file.write('{"time": 1790000099.1, "event": "answ')
    assert told(folder).looks[0].seen.requests == 3000


def test_a_folder_without_a_log_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="there is no run log"):
        read_log(tmp_path)


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="name another folder with --log"):
        RunLog(tmp_path / "file")


@pytest.mark.parametrize("record", RECORDED)
def test_the_json_is_strict_and_what_its_schema_says(record: Callable[..., Any], plan: Plan, folder: Path) -> None:
    record(plan, folder)
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    text = json_text(document(told(folder)))
    Draft202012Validator(schema).validate(json.loads(text, parse_constant=pytest.fail))


@pytest.mark.parametrize("record", RECORDED)
def test_there_is_a_page_of_any_rollout(record: Callable[..., Any], plan: Plan, folder: Path) -> None:
    record(plan, folder)
    assert page(told(folder)).rstrip().endswith("</html>")


@pytest.mark.parametrize("record", [rolled_back, refused])
def test_there_is_a_picture_of_any_rollout(record: Callable[..., Any], plan: Plan, folder: Path) -> None:
    record(plan, folder)
    write_picture(told(folder), "A rollout", folder / "report.png")
    picture = imread(folder / "report.png")
    assert picture.shape[1] > 2000
    assert picture[..., :3].std() > 0.01


def test_a_plan_without_latency_objectives_has_the_latencies_all_the_same(plan: Plan, folder: Path) -> None:
    done(altered(plan, objectives=altered(plan.objectives, latency=())), folder)
    read = told(folder)
    assert read.looks[0].metrics == ["ttft", "tpot", "itl", "e2e"]
    assert "TTFT p50 and p95" in page(read)


def test_everybody_s_requests_are_shown_as_the_pools_count_them(plan: Plan, folder: Path) -> None:
    counted = Seen(requests=1234, errors=5, waiting=2.5, latency={"ttft": {0.1: 90, 0.25: 100}}, restarts=1)
    recorded = Recorded(plan, folder, users={"old": counted.document(), "new": Seen().document()})
    recorded.step(plan.steps[0])
    made = report(read_log(folder))
    told = json.loads(json_text(document(made)))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(told)
    assert told["steps"][0]["users"]["old"]["latency"]["ttft"] == pytest.approx([0.0556, 0.168], rel=0.01)
    shown = page(made)
    for text in ("Everybody", "1234", "2.5", "55.6 / 168"):
        assert text in shown
