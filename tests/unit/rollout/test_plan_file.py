"""A plan is read whole or refused with its lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.values import seconds, written
from inferencepool_rollout.plan_file import read_plan
from kit.plans import TEXT, plan_of
from kit.scenarios import PLANS


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_a_ready_plan_is_accepted(file: Path) -> None:
    plan = read_plan(file)
    assert plan.steps[-1].percent == 100
    assert (plan.old, plan.new) == ("pool-old", "pool-new")


def test_there_is_a_ready_plan_for_each_use_case_of_the_guide_and_for_few_accelerators() -> None:
    use_cases = ["accelerator-update", "base-model-update", "server-framework-update"]
    assert [file.stem for file in PLANS] == [*use_cases, "surge"]


def test_the_schema_is_one_and_takes_what_the_reader_takes() -> None:
    schema = Plan.model_json_schema()
    Draft202012Validator.check_schema(schema)
    for file in PLANS:
        Draft202012Validator(schema).validate(yaml.safe_load(file.read_text()))


def test_what_is_left_out_has_the_schemas_default(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert (plan.route.release, plan.route.namespace, plan.route.backend) == ("route", "default", "new")
    assert (plan.max_step, plan.soak, plan.probe.stream) == (50, 0, True)
    assert plan_of(tmp_path, TEXT.replace(", longest: 1h", "")).steps[0].longest == 180


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("percent: 10,", "percent: ten,"), 12, "steps[0].percent: 'ten': input should be a valid integer"),
        (("percent: 10,", "percent: -1,"), 12, "steps[0].percent: -1: input should be greater than or equal to 0"),
        (("percent: 10,", "percent: 0,"), 12, "steps[0].percent: 0 needs probe.toOld and probe.toNew"),
        (("percent: 10,", "percent: 0,"), 12, "steps[0].percent: 0 needs objectives.goodput"),
        (("percent: 50,", "percent: 0,"), 13, "0 does not go up from the 10 before it"),
        (("percent: 50,", "percent: 10,"), 13, "10 does not go up from the 10 before it"),
        (("percent: 50,", "percent: 70,"), 13, "moves 60 points at once, and maxStep is 50"),
        (("burnIn: 60s, requests: 500, longest: 1h}\nobj", "burnIn: 1 h}\nobj"), 14, "'1 h' is not a duration"),
        (("burnIn: 60s, requests: 500, longest: 1h}\nobj", "burnIn: 2h, longest: 1h}\nobj"), 14, "shorter than burnIn"),
        (("  rate: 50", "  rate: 50\n  ratio: 3"), 11, "probe.ratio: there is no such key"),
        (("gateway:\n  url: http://127.0.0.1:8080\n", ""), 1, "gateway: this key is missing"),
        (("  url: http://127.0.0.1:8080", "  url: 127.0.0.1:8080"), 7, "gateway.url"),
        (("detect: 0.05", "detect: 0.005"), 16, "detect (0.005) must be greater than accept (0.01)"),
        (
            ("metric: e2e", "metric: p50"),
            19,
            "objectives.latency[1].metric: 'p50': input should be 'ttft', 'tpot', 'itl' or 'e2e'",
        ),
        (("new: pool-new", "new: pool-old"), 5, "between two pools"),
        (("  rate: 50", "  rate: 50\n  stream: false"), 19, "measured on streams only"),
        (("  rate: 50", "  rate: 50\n  toNew: {x: y}"), 11, "toOld and toNew go together"),
        (("chart: ", "chart: nowhere"), 2, "there is no chart"),
        (("percent: 10,", "percent: 10.0,"), 12, "steps[0].percent: 10.0: input should be a valid integer"),
        (("percent: 10, burnIn: 60s", f"percent: 10, burnIn: 1{26 * '0'}h"), 12, "is longer than 720h"),
        (("percent: 10, burnIn: 60s", "percent: 10, burnIn: 0s"), 12, "should be greater than 0"),
        (("accept: 0.01,", "accept: .nan,"), 16, "objectives.errorRate.accept: nan: input should be a finite number"),
        (("detect: 1.8}", "detect: .inf}"), 18, "objectives.latency[0].detect: inf: input should be a finite number"),
        (("  url: http", '  headers: {Host: "a\\r\\nX: b"}\n  url: http'), 7, "contains a control character"),
        (("  url: http", '  headers: {"a\\nb": c}\n  url: http'), 7, "contains a control character"),
        (("models: [food-review]", "models: [food-review, food-review]"), 9, "a model is named twice"),
        (("models: [food-review]", "models: food-review"), 9, "probe.models: 'food-review'"),
        (("old: pool-old", "old: Pool_Old"), 4, "pools.old: 'Pool_Old' is not a name"),
        (("  latency:", "  goodput: {accept: 0.01, detect: 0.05}\n  latency:"), 17, "goodput: needs a limit"),
        (("  latency:", "  goodput: {ttft: 1s, accept: 0.1, detect: 0.05}\n  latency:"), 17, "detect (0.05) must be"),
        (("  latency:", "  goodput: {ttft: 0s, accept: 0.1, detect: 0.2}\n  latency:"), 17, "should be greater than 0"),
        (("pools:", "pools: [\n"), 6, "expected"),
        (("  old: pool-old", "  old: pool-old\n  old: pool-x"), 5, "duplicate key"),
    ],
)
def test_an_error_names_its_line(tmp_path: Path, change: tuple[str, str], line: int, says: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(Failure) as refusal:
        plan_of(tmp_path, TEXT.replace(*change))
    assert says in str(refusal.value)
    assert f"plan.yaml:{line}: " in str(refusal.value)


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refusal:
        plan_of(tmp_path, TEXT.replace("percent: 10,", "percent: -1,").replace("alpha: 0.05", "alpha: 5"))
    assert str(refusal.value).count("\n") == 2


@pytest.mark.parametrize("text", ["", "- a\n", "hello", "a: b: c"])
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Failure, match=r"plan\.yaml"):
        plan_of(tmp_path, text)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        read_plan(tmp_path / "none.yaml")


def test_durations_have_units_and_are_written_as_they_are_read() -> None:
    assert [seconds(text) for text in ("90s", "10m", "1.5h", "0s", "250ms")] == [90, 600, 5400, 0, 0.25]
    assert [seconds(written(length)) for length in (90, 600, 5400, 0, 0.5)] == [90, 600, 5400, 0, 0.5]


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, TEXT + "capacity: " + "{a: " * 800 + "1" + "}" * 800])
def test_a_plan_that_is_nested_too_deeply_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Failure, match="nested too deeply"):
        plan_of(tmp_path, text)


def test_a_plan_is_the_same_after_a_round_through_json(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert Plan.model_validate_json(plan.model_dump_json(by_alias=True)) == plan


def test_what_a_log_keeps_of_a_plan_is_a_plan_without_the_secrets_of_its_headers(tmp_path: Path) -> None:
    secret = "Bearer of-the-tests"
    headers = f'  headers: {{Host: llm.example.com, authorization: "{secret}", X-Api-Key: "{secret}"}}\n'
    text = TEXT.replace("gateway:\n", f"gateway:\n{headers}")
    text += f'prometheus:\n  url: http://prometheus.example.com\n  headers: {{Authorization: "{secret}"}}\n'
    text += "  queries: [{name: errors, query: up, unit: share, accept: 0.01}]\n"
    plan = plan_of(tmp_path, text)
    kept = plan.recorded()
    assert secret not in str(kept)
    assert Plan.model_validate_json(json.dumps(kept)).gateway.headers["Host"] == "llm.example.com"
    assert plan.gateway.headers["authorization"] == secret
