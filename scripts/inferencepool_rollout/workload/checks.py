"""What is wrong with a plan's workload that single values cannot show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.probe import Lengths
from inferencepool_rollout.workload.trace import read_trace

At = tuple[str | int, ...]
AT: At = ("probe", "workload")


def contradictions(plan: Plan, folder: Path) -> Iterator[tuple[At, str]]:
    """Yield what is wrong, each with its path; `folder` is what the trace's file is relative to."""
    workload = plan.probe.workload
    if workload is None:
        return
    for name in ("prompt", "max_tokens"):
        if name in plan.probe.model_fields_set:
            key = {"max_tokens": "maxTokens"}.get(name, name)
            yield ("probe", key), "the workload makes prompts and lengths of its own; remove this key or the workload"
    if workload.trace:
        yield from _of_trace(plan, folder)
    elif not (workload.prompt_tokens and workload.answer_tokens):
        yield AT, "needs promptTokens and answerTokens, or a trace that has them"
    elif workload.arrivals == "traced":
        yield (*AT, "arrivals"), "traced arrivals need a trace; give one, or choose poisson or even"
    for key, lengths in (("promptTokens", workload.prompt_tokens), ("answerTokens", workload.answer_tokens)):
        if lengths:
            yield from _of_lengths((*AT, key), lengths)
    prefix, prompts = workload.shared_prefix, workload.prompt_tokens
    if prefix and prompts and prefix.tokens > (most := prompts.most or prompts.mean):
        yield (*AT, "sharedPrefix", "tokens"), f"{prefix.tokens} is more than the longest prompt has ({most:g})"
    if unknown := sorted(workload.mix.keys() - set(plan.probe.models)):
        yield (*AT, "mix"), f"{unknown[0]} is not in probe.models"
    if workload.mix and not sum(workload.mix.get(model, 1) for model in plan.probe.models):
        yield (*AT, "mix"), "every model has share 0; give one of them more"


def _of_trace(plan: Plan, folder: Path) -> Iterator[tuple[At, str]]:
    workload = plan.probe.workload
    assert workload and workload.trace
    given = {
        "promptTokens": workload.prompt_tokens, "answerTokens": workload.answer_tokens,
        "sharedPrefix": workload.shared_prefix, "turns": workload.turns,
    }  # fmt: skip
    for key in (key for key, value in given.items() if value):
        yield (*AT, key), f"a trace says itself what its requests are; remove {key} or the trace"
    try:
        read_trace(folder / workload.trace)
    except Failure as failure:
        yield (*AT, "trace"), str(failure)


def _of_lengths(at: At, lengths: Lengths) -> Iterator[tuple[At, str]]:
    if lengths.spread and lengths.most is None:
        yield (*at, "most"), "lengths that are spread need a longest one, which the model's context allows"
    if lengths.most is not None and lengths.most < lengths.mean:
        yield (*at, "most"), f"{lengths.most} is less than the mean {lengths.mean:g}"
