"""The report of judged answers: what differs side by side, and nothing of a prompt unless it is asked for."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from inferencepool_rollout.drive.run_log import RunLog, json_text, read_log
from inferencepool_rollout.report.data import Report, report
from inferencepool_rollout.report.document import document
from inferencepool_rollout.report.page import page
from kit.browser import show
from kit.charts import ROOT
from kit.judged_pools import BOTH, Body, Pools, echo, gate

SCHEMA = ROOT / "scripts/inferencepool_rollout/report/report.schema.json"


def wrong_after_40(side: str, asked: Body) -> str:
    wrong = side == "new" and int(asked["prompt"].split()[1]) >= 40
    return "the answer is <b>wrong</b>" if wrong else f"the answer is {asked['prompt']}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run log of a gate that refused the new pool, in the shape that the driver writes."""
    made = tmp_path_factory.mktemp("answers")
    with gate(made, Pools(wrong_after_40), BOTH) as ready:
        judged = ready.run()
        plan = ready.plan
    log = RunLog(made / "log")
    log.write("start", percent=0, by="ops", plan=plan.model_dump(mode="json", by_alias=True), cluster="", context="")
    findings = [asdict(finding) for finding in judged.decision.findings]
    decision = judged.decision
    log.write("quality", percent=0, action=decision.action, why=decision.why, findings=findings, **judged.summary)
    log.write("end", outcome="refused", why=decision.why, percent=0)
    return made


def read(folder: Path, texts: bool) -> Report:
    return report(read_log(folder / "log"), texts)


def test_it_tells_what_differs_the_noise_floor_and_the_pass_rates(folder: Path) -> None:
    [gate] = read(folder, texts=True).answers
    assert gate.action == "roll back"
    assert gate.floor == 0
    assert gate.passed["old"] == gate.expecting > gate.passed["new"]
    assert gate.differing == gate.expecting - gate.passed["new"] > 0
    rate, low, high = gate.pass_rate("new", 0.01)
    assert low < rate < high < 1


def test_the_first_difference_is_marked_in_both_answers(folder: Path) -> None:
    example = read(folder, texts=True).answers[0].examples[0]
    assert example.old
    assert example.new
    assert example.old.common == example.new.common == "the answer is "
    assert example.old.rest.startswith("number ")
    assert example.new.rest == "<b>wrong</b>"
    assert "does not contain" in (example.unmet["new"] or "")


def test_nothing_of_a_prompt_or_an_answer_is_shown_unless_asked(folder: Path) -> None:
    without, with_texts = (json_text(document(read(folder, texts))) for texts in (False, True))
    assert "the answer is" not in without
    assert "the answer is" in with_texts
    assert "the answer is" not in page(read(folder, texts=False))


@pytest.mark.parametrize("texts", [False, True])
def test_the_document_is_what_the_schema_says(folder: Path, texts: bool) -> None:
    written = json.loads(json_text(document(read(folder, texts))))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(written)
    assert len(written["answers"]) == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_and_takes_no_answer_for_html(folder: Path, width: int) -> None:
    file = folder / "report.html"
    file.write_text(page(read(folder, texts=True)))
    measured = """() => ({
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        bold: document.querySelectorAll("pre.text b").length,
        marks: document.querySelectorAll("pre.text mark").length,
    })"""
    shown = show(file, measured, width, "light", folder / f"{width}.png")
    assert shown.complaints == []
    assert shown.value == {"wide": 0, "bold": 0, "marks": 2 * len(read(folder, texts=True).answers[0].examples)}


def test_equal_pools_leave_no_example(tmp_path: Path) -> None:
    with gate(tmp_path, Pools(echo), BOTH) as ready:
        assert ready.run().summary["examples"] == []
