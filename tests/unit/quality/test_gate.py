"""The gate on real HTTP: two pools behind one server, told apart by the preview header."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from inferencepool_rollout.evidence.decision import Action, State
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.quality.ask import pools
from inferencepool_rollout.quality.gate import Gate
from inferencepool_rollout.quality.prompts import Prompt, read_prompts
from kit.charts import ROOT
from kit.completion_servers import serving
from kit.judged_pools import BOTH, PASS, PROMPTS, Body, Pools, echo, gate, judged, plan_with


def test_equal_pools_pass_and_each_prompt_is_asked_twice_of_the_old_and_once_of_the_new(tmp_path: Path) -> None:
    both = Pools()
    done = judged(tmp_path, both, BOTH)
    assert done.decision.action is Action.PROMOTE
    assert {finding.state for finding in done.decision.findings} == {State.KEPT}
    sides = [side for side, _ in both.asked]
    assert (sides.count("old"), sides.count("new")) == (2 * PROMPTS, PROMPTS)
    assert done.summary["floor"] == done.summary["differing"] == 0


def test_a_pool_that_fails_a_third_of_what_the_old_one_passes_is_refused_before_all_are_asked(tmp_path: Path) -> None:
    def third_wrong(side: str, asked: Body) -> str:
        return "nonsense" if side == "new" and int(asked["prompt"].split()[1]) % 3 == 0 else echo(side, asked)

    prompts = [{"prompt": f"number {n}", "expect": {"contains": f"{n}"}} for n in range(1000)]
    done = judged(tmp_path, Pools(third_wrong), BOTH, prompts=prompts)
    assert done.decision.action is Action.ROLL_BACK
    assert "pass rate drop violated" in done.decision.why
    assert done.summary["prompts"] < len(prompts)


def test_pools_that_differ_by_chance_alike_pass_and_the_floor_is_told(tmp_path: Path) -> None:
    count = iter(range(10_000))

    def noisy(side: str, asked: Body) -> str:
        return f"{asked['prompt']}{' ' * (next(count) % 7 == 0)}"

    done = judged(tmp_path, Pools(noisy), BOTH)
    assert done.decision.action is not Action.ROLL_BACK
    assert done.summary["floor"] > 0
    assert done.summary["differing"] > 0


def test_a_hard_prompt_that_both_pools_fail_counts_for_neither(tmp_path: Path) -> None:
    done = judged(tmp_path, Pools(lambda side, asked: "always the same"), PASS)
    assert done.decision.action is Action.PROMOTE
    assert done.summary["passed"] == {"old": 0, "new": 0}


def test_answers_that_the_new_pool_loses_count_against_it(tmp_path: Path) -> None:
    def broken(side: str, asked: Body) -> Any:
        return web.Response(status=500, text="out of memory") if side == "new" else echo(side, asked)

    done = judged(tmp_path, Pools(broken), PASS)
    assert done.decision.action is Action.ROLL_BACK
    assert "out of memory" in done.summary["examples"][0]["new"]["problem"]


@pytest.mark.parametrize("objectives", [BOTH, PASS])
def test_two_pools_that_both_fail_pass_for_nothing(tmp_path: Path, objectives: str) -> None:
    def broken(side: str, asked: Body) -> Any:
        return web.Response(status=503, text=f"no endpoint in the {side} pool")

    done = judged(tmp_path, Pools(broken), objectives)
    assert done.decision.action is Action.HOLD
    assert f"the old pool did not answer {PROMPTS} of them" in done.decision.why
    assert "no endpoint in the old pool" in done.decision.why


def test_adapters_that_both_fail_pass_for_nothing(tmp_path: Path) -> None:
    def broken(side: str, asked: Body) -> Any:
        return web.Response(status=503) if asked["model"] == "food-review" else echo(side, asked)

    objectives, bases = "{adapterEffect: {accept: 0.1, detect: 0.5}}", ", base: {old: llama, new: llama}"
    assert judged(tmp_path, Pools(broken), objectives, bases).decision.action is Action.HOLD


def test_equal_pools_that_lose_some_answers_are_still_kept(tmp_path: Path) -> None:
    """Losses are for the error rate to judge; here they fall on both pools alike."""
    count = iter(range(10_000))

    def lossy(side: str, asked: Body) -> Any:
        return web.Response(status=503) if next(count) % 20 == 0 else echo(side, asked)

    prompts = [{"prompt": f"number {n}", "expect": {"contains": f"{n}"}} for n in range(300)]
    assert judged(tmp_path, Pools(lossy), BOTH, prompts=prompts).decision.action is not Action.ROLL_BACK


def test_answers_that_are_half_as_long_are_refused(tmp_path: Path) -> None:
    words = "one two three four five six seven eight nine ten " * 4

    def shorter(side: str, asked: Body) -> str:
        return words if side == "old" else words[: len(words) // 2]

    done = judged(tmp_path, Pools(shorter), "{lengthRatio: {accept: 1.1, detect: 1.5}}")
    [finding] = done.decision.findings
    assert finding.state is State.VIOLATED
    assert finding.value == pytest.approx(0.5, abs=0.05)
    assert finding.high < 1 / 1.1


def test_answers_of_equal_length_keep_the_ratio(tmp_path: Path) -> None:
    words = "one two three four five six seven eight nine ten " * 4
    done = judged(tmp_path, Pools(lambda side, asked: words), "{lengthRatio: {accept: 1.1, detect: 1.5}}")
    assert done.decision.action is Action.PROMOTE


def test_an_adapter_that_does_nothing_in_the_new_pool_is_found(tmp_path: Path) -> None:
    def adapters(side: str, asked: Body) -> str:
        return f"reviewed {asked['prompt']}" if asked["model"] == "food-review" and side == "old" else echo(side, asked)

    objectives, bases = "{adapterEffect: {accept: 0.1, detect: 0.5}}", ", base: {old: llama, new: llama}"
    done = judged(tmp_path, Pools(adapters), objectives, bases)
    assert "adapter effect drop violated" in done.decision.why
    same = judged(
        tmp_path,
        Pools(lambda side, asked: f"{asked['model']} {asked['prompt']}"),
        objectives,
        ", base: {old: llama, new: llama}",
    )
    assert same.decision.action is Action.PROMOTE


def test_without_texts_nothing_of_a_prompt_or_an_answer_is_kept(tmp_path: Path) -> None:
    def secret(side: str, asked: Body) -> str:
        return f"classified {side}"

    prompts = [{"prompt": f"top secret {n}", "expect": {"exact": f"secret {n}"}} for n in range(PROMPTS)]
    kept = judged(tmp_path, Pools(secret), BOTH, ", texts: false", prompts=prompts).summary
    assert kept["examples"]
    assert "secret" not in json.dumps(kept)
    assert "classified" not in json.dumps(kept)


def test_a_prompt_that_the_old_pool_refuses_is_named_by_its_line_and_blames_no_pool(tmp_path: Path) -> None:
    def short(side: str, asked: Body) -> Any:
        if asked["prompt"] == "number 7":
            return web.json_response({"error": {"message": "maximum context length is 2048"}}, status=400)
        return echo(side, asked)

    with pytest.raises(Failure, match=r"prompt in line 8: the old pool refuses it: .*maximum context length is 2048"):
        judged(tmp_path, Pools(short), BOTH)


def test_an_answer_of_the_other_pool_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"sent to default/pool-new by probe\.toNew, answered by default/pool-old"):
        judged(tmp_path, Pools(mark=lambda side: "default/pool-old"), BOTH)


def test_a_pool_that_ignores_the_seed_is_told(tmp_path: Path) -> None:
    count = iter(range(10_000))
    prompts = [{"prompt": f"{n}", "temperature": 1, "seed": n} for n in range(PROMPTS)]
    done = judged(
        tmp_path, Pools(lambda side, asked: f"{next(count)}"), "{agreement: {accept: 0.05, detect: 0.2}}",
        prompts=prompts,
    )  # fmt: skip
    assert done.summary["seeded"] == done.summary["seedIgnored"] == PROMPTS
    assert done.decision.action is not Action.ROLL_BACK


def test_ctrl_c_ends_the_gate_as_a_hold(tmp_path: Path) -> None:
    with gate(tmp_path, Pools(), BOTH) as made:
        made.stopped.set()
        decision = made.run().decision
    assert decision.action is Action.HOLD
    assert "stopped after 0 of 120 prompts" in decision.why


def test_too_few_prompts_are_refused_with_the_count_that_would_do(tmp_path: Path) -> None:
    prompts = [{"prompt": "one", "expect": {"exact": "one"}}, {"prompt": "parity only"}]
    with pytest.raises(Failure, match=r"passRate: 1 prompts count for it, and it takes 46 at least"):
        judged(tmp_path, Pools(), PASS, prompts=prompts)


async def sent(plan: Plan, prompts: Sequence[Prompt]) -> float:
    """Send all prompts to both pools, as many at once as the gate, and return how long it takes (s)."""
    assert plan.quality
    at_once = asyncio.Semaphore(plan.quality.concurrency)
    async with pools(plan, plan.quality) as both:

        async def one(prompt: Prompt) -> None:
            async with at_once:
                await both.ask(prompt)

        began = time.monotonic()
        await asyncio.gather(*map(one, prompts))
        return time.monotonic() - began


def test_200_prompts_take_at_most_1_2_times_the_time_of_sending_them(tmp_path: Path) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)  # as a short answer takes, so that other work on the machine weighs little
        return await Pools()(request)

    def gated() -> float:
        assert plan.quality
        began = time.monotonic()
        Gate(plan, plan.quality, threading.Event()).run()
        return time.monotonic() - began

    lines = [{"prompt": f"number {n}", "expect": {"contains": str(n)}} for n in range(200)]
    with serving(slow) as server:
        plan = plan_with(tmp_path, server.url, BOTH, prompts=lines)
        prompts = read_prompts(tmp_path / "prompts.jsonl")
        pairs = [(gated(), asyncio.run(sent(plan, prompts))) for _ in range(2)]  # in turn: other work on the machine
    assert min(gate for gate, _ in pairs) <= 1.2 * min(sending for _, sending in pairs)


JUDGE = """\
import json, sys
asked = json.load(sys.stdin)
print(json.dumps({side: {score} for side in ("old", "new")}))
"""
SCORED = "{judged: {accept: 0.05, detect: 0.3}}"


def command(folder: Path, score: str) -> str:
    file = folder / "judge.py"
    file.write_text(JUDGE.replace("{score}", score))
    return f", judge: {{command: [{sys.executable}, {file}], timeout: 20s}}"


def some(count: int) -> list[Body]:
    return [{"prompt": f"number {n}"} for n in range(count)]


def test_a_judge_gets_both_answers_and_its_scores_decide(tmp_path: Path) -> None:
    def polite(side: str, asked: Body) -> str:
        return f"please, {asked['prompt']}" if side == "old" else echo(side, asked)

    prefers_polite = command(tmp_path, '0.9 if "please" in asked[side]["text"] else 0.1')
    done = judged(tmp_path, Pools(polite), SCORED, prefers_polite, prompts=some(40))
    assert "judged score drop violated" in done.decision.why
    alike = judged(tmp_path, Pools(), SCORED, prefers_polite, prompts=some(40))
    assert alike.decision.action is Action.PROMOTE


@pytest.mark.parametrize(
    ("score", "says"),
    [
        ("1.5", "the judge must return"),
        ('"good"', "the judge must return"),
        ("float('nan')", "the judge must return"),
        ("sys.exit('no credit left')", "exited with 1: no credit left"),
        ("__import__('time').sleep(60)", "had not answered after 1 s"),
    ],
)
def test_a_judge_that_fails_holds_and_says_why(tmp_path: Path, score: str, says: str) -> None:
    judge = command(tmp_path, score).replace("20s", "1s" if "sleep" in score else "20s")
    with pytest.raises(Failure, match=says):
        judged(tmp_path, Pools(), SCORED, judge, prompts=some(15))


def test_a_judge_behind_a_url_that_is_not_there_holds(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="the judge cannot be asked"):
        judged(tmp_path, Pools(), SCORED, ', judge: {url: "http://127.0.0.1:9/score"}', prompts=some(15))


def test_the_openai_judge_of_the_values_grades_each_answer_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def grades(request: web.Request) -> web.StreamResponse:
        asked = json.loads(await request.read())["messages"][-1]["content"]
        grade = "9" if "please" in asked.split("Answer:")[1] else "4"
        return web.json_response({"choices": [{"message": {"content": grade}}]})

    def polite(side: str, asked: Body) -> str:
        return f"please, {asked['prompt']}" if side == "old" else echo(side, asked)

    program = ROOT / "values/judges/openai-judge.py"
    with serving(grades) as server:
        monkeypatch.setenv("JUDGE_URL", f"{server.url}/v1")
        monkeypatch.setenv("JUDGE_MODEL", "judge")
        judge = f", judge: {{command: [{sys.executable}, {program}]}}"
        done = judged(tmp_path, Pools(polite), SCORED, judge, prompts=some(60))
    [finding] = done.decision.findings
    assert finding.state is State.VIOLATED
    assert finding.value == pytest.approx(0.5)


def test_the_openai_judge_says_why_it_has_no_grade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("JUDGE_MODEL", "judge")
    judge = f", judge: {{command: [{sys.executable}, {ROOT / 'values/judges/openai-judge.py'}]}}"
    with pytest.raises(Failure, match="the judge model could not be asked"):
        judged(tmp_path, Pools(), SCORED, judge, prompts=some(15))
