"""What no workload can be is refused by one line that names the value and the remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inferencepool_rollout.evidence.probe import streams
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.snapshot import Models, Pod, Pool, Snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.preflight import workload as section
from inferencepool_rollout.preflight.facts import Facts
from inferencepool_rollout.workload.trace import read_trace
from kit.plans import TEXT, plan_of

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
ROWS = "2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:47.68,374,44\n"


def with_workload(text: str, models: str = "food-review") -> str:
    return TEXT.replace("models: [food-review]", f"models: [{models}]").replace(
        "  rate: 50", f"  rate: 50\n  workload: {text}"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "probe.workload: needs promptTokens and answerTokens, or a trace"),
        ("{promptTokens: {mean: 9}}", "needs promptTokens and answerTokens"),
        ("{promptTokens: {mean: 9, spread: 1}, answerTokens: {mean: 9}}", "promptTokens.most: lengths that are spread"),
        ("{promptTokens: {mean: 9}, answerTokens: {mean: 9, most: 8}}", "answerTokens.most: 8 is less than the mean 9"),
        (
            "{promptTokens: {mean: 9}, answerTokens: {mean: 9}, arrivals: traced}",
            "arrivals: traced arrivals need a trace",
        ),
        ("{promptTokens: {mean: 9}, answerTokens: {mean: 9}, arrivals: bursty}", "input should be 'poisson', 'even'"),
        (
            "{promptTokens: {mean: 9}, answerTokens: {mean: 9}, sharedPrefix: {tokens: 10, groups: 2}}",
            "sharedPrefix.tokens: 10 is more than the longest prompt has (9)",
        ),
        ("{promptTokens: {mean: 9}, answerTokens: {mean: 9}, mix: {other: 2}}", "mix: other is not in probe.models"),
        ("{promptTokens: {mean: 9}, answerTokens: {mean: 9}, mix: {food-review: 0}}", "every model has share 0"),
        ("{trace: none.csv}", "none.csv cannot be read"),
        ("{trace: trace.csv, turns: {mean: 2, most: 3}}", "remove turns or the trace"),
    ],
)
def test_a_plan_with_a_workload_that_cannot_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "trace.csv").write_text(HEAD + ROWS)
    with pytest.raises(Failure) as refusal:
        plan_of(tmp_path, with_workload(text))
    assert says in str(refusal.value)
    assert str(refusal.value).count("\n") == 1


def test_a_prompt_beside_a_workload_is_refused(tmp_path: Path) -> None:
    text = with_workload("{promptTokens: {mean: 9}, answerTokens: {mean: 9}}").replace(
        "  rate: 50", "  rate: 50\n  prompt: x"
    )
    with pytest.raises(Failure, match=r"probe\.prompt: the workload makes prompts"):
        plan_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "TIMESTAMP,ContextTokens\n1,2\n",
            ":1: there is no column GeneratedTokens in TIMESTAMP, ContextTokens; a trace is",
        ),
        (HEAD + "2,3,4\n1,3,4\n", ":3: its time is before that of the line above; sort the trace by time"),
        (HEAD + "2,3,4\n3,many,4\n", ":3: invalid literal for int"),
        (HEAD + "2,3,4\nnoon,3,4\n", ":3: Invalid isoformat string"),
        (HEAD + "2,3,4\n3,3\n", ":3: "),
        (HEAD + "2,0,4\n3,3,4\n", ":2: 0 tokens of prompt and 4 of answer cannot be; remove the line"),
        (HEAD + "2,3,4\n", "no two requests at different times"),
        ("", ":1: there is no column TIMESTAMP in it"),
        ('{"timestamp": 1, "input_length": 3}\n', ":1: there is no key 'output_length'; a trace is"),
        ('{"timestamp": 1, "input_length": 3, "output_length": 1}\n[]\n', ":2: "),
        ('{"timestamp": 1, "input_length": 3, "output_length": 1}\n{half\n', ":2: Expecting property name"),
    ],
)
def test_a_trace_of_another_shape_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "trace"
    file.write_text(text)
    with pytest.raises(Failure) as refusal:
        read_trace(file)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_models_are_mixed_by_their_shares_and_both_pools_get_the_same(tmp_path: Path) -> None:
    text = with_workload("{promptTokens: {mean: 9}, answerTokens: {mean: 9}, mix: {b: 3}}", "a, b").replace(
        "  rate: 50", "  rate: 50\n  toOld: {x: o}\n  toNew: {x: n}"
    )
    found = {(each.request.model, each.pool): each.rate for each in streams(plan_of(tmp_path, text))}
    assert found == {
        ("a", ""): 50 / 12, ("a", "old"): 50 / 12, ("a", "new"): 50 / 12,
        ("b", ""): 50 / 4, ("b", "old"): 50 / 4, ("b", "new"): 50 / 4,
    }  # fmt: skip


def facts(plan: Plan, context: int | None) -> Facts:
    manifest = {"apiVersion": "inference.networking.k8s.io/v1", "metadata": {"name": "p"}}
    pod = Pod("p-1", "uid", {}, ready=True, leaving=False)
    pools = {name: Pool(manifest, (pod,), models={"p-1": Models(context=context)}) for name in (plan.old, plan.new)}
    return Facts(plan, Snapshot("default", None, pools))


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    turns = "turns: {mean: 2, most: 3}"
    return plan_of(tmp_path, with_workload(f"{{promptTokens: {{mean: 700}}, answerTokens: {{mean: 100}}, {turns}}}"))


def test_a_workload_that_is_longer_than_the_models_context_is_refused_before_anything_moves(plan: Plan) -> None:
    (short,) = section.checks(facts(plan, 2048))
    assert short.why == "2400 tokens in its longest request, and pool-old takes 2048 and pool-new takes 2048"
    assert "turns.most" in short.remedy


@pytest.mark.parametrize(("context", "why"), [(4096, "which every server takes"), (None, "servers do not list")])
def test_a_workload_that_fits_or_whose_context_is_not_known_passes(plan: Plan, context: int | None, why: str) -> None:
    (row,) = section.checks(facts(plan, context))
    assert row.ok
    assert why in row.why


def test_a_server_s_context_is_the_least_that_its_models_list() -> None:
    listed = b'{"data": [{"id": "a", "max_model_len": 4096}, {"id": "b", "parent": "a", "max_model_len": 2048}]}'
    assert Models.listed(listed, "pod").context == 2048
    assert Models.listed(b'{"data": [{"id": "a"}]}', "pod").context is None


def test_a_trace_that_is_gone_since_the_plan_was_read_is_refused(plan: Plan, tmp_path: Path) -> None:
    assert plan.probe.workload
    gone = plan.probe.workload.model_copy(update={"trace": str(tmp_path / "gone.csv")})
    changed = plan.model_copy(update={"probe": plan.probe.model_copy(update={"workload": gone})})
    (row,) = section.checks(replace(facts(plan, None), plan=changed))
    assert "cannot be read" in row.why and not row.ok
