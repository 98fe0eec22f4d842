"""Keys of a plan that have to fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

from pydantic.alias_generators import to_camel

from inferencepool_rollout.plan.hooks import Hook
from inferencepool_rollout.plan.objectives import Drop, Goodput, Latency, LengthRatio, Share
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.users import USERS, names
from inferencepool_rollout.plan.values import written
from inferencepool_rollout.scaling.schedule import Impossible, of_plan

Contradiction = tuple[tuple[str | int, ...], str]
"""The path of a key, and what is wrong with it."""


def contradictions(plan: Plan, folder: Path) -> list[Contradiction]:
    """Return what single values cannot show: keys that have to fit each other, each with its path and what is wrong.

    `folder` is the plan's own, which a chart's folder is relative to.
    """
    parts = (
        _of_steps, _of_bounds, _of_latencies, _of_step_0, _of_queries, _of_answers, _of_pools, _of_scaling, _of_hooks,
    )  # fmt: skip
    found = [each for part in parts for each in part(plan)]
    charts: list[Contradiction] = [(("route", "chart"), plan.route.chart)]
    if plan.capacity and plan.capacity.scaling:
        charts.append((("capacity", "scaling", "chart"), plan.capacity.scaling.chart))
    for path, chart in charts:
        if not chart.startswith("oci://") and not (folder / chart / "Chart.yaml").is_file():
            found.append((path, f"there is no chart in {folder / chart}"))
    return found


def _of_steps(plan: Plan) -> Iterator[Contradiction]:
    before = -1
    for index, step in enumerate(plan.steps):
        at, moved = ("steps", index), step.percent - max(before, 0)
        if step.percent <= before:
            yield (*at, "percent"), f"{step.percent} does not go up from the {before} before it"
        elif moved > plan.max_step:
            why = f"moves {moved} points at once, and maxStep is {plan.max_step}; put a step in between"
            yield (*at, "percent"), why
        if step.approve and not step.percent:
            yield (*at, "approve"), "step 0 moves no weight; approve the step after it"
        if step.longest < step.burn_in:
            yield (*at, "longest"), f"{written(step.longest)} is shorter than burnIn"
        before = step.percent


def _of_bounds(plan: Plan) -> Iterator[Contradiction]:
    at = ("objectives",)
    bounds: list[tuple[tuple[str | int, ...], Share | Latency | Drop | LengthRatio]] = [
        ((*at, "errorRate"), plan.error_rate),
        *(((*at, "goodput"), each) for each in (plan.goodput,) if each),
        *(((*at, "latency", index), each) for index, each in enumerate(plan.latency)),
        *(((*at, "quality", to_camel(name)), each) for name, each in plan.answers.items()),
    ]
    for path, each in bounds:
        if each.accept >= each.detect:
            why = (
                f"detect ({each.detect:g}) must be greater than accept ({each.accept:g}); "
                "a value in between may pass or be rolled back"
            )
            yield (*path, "detect"), why


def _of_latencies(plan: Plan) -> Iterator[Contradiction]:
    goodput = ("objectives", "goodput")
    if plan.goodput and not plan.goodput.limits:
        yield goodput, "needs a limit: ttft, tpot or e2e"
    limits = plan.goodput.limits if plan.goodput else {}
    measured: list[tuple[tuple[str | int, ...], str]] = [((*goodput, metric), metric) for metric in limits]
    measured += [(("objectives", "latency", index, "metric"), each.metric) for index, each in enumerate(plan.latency)]
    for path, metric in measured:
        if metric != "e2e" and not plan.probe.stream:
            yield path, f"{metric} is measured on streams only; set probe.stream: true"


def _of_scaling(plan: Plan) -> Iterator[Contradiction]:
    at = ("capacity", "scaling")
    if plan.capacity is None or plan.capacity.scaling is None:
        for index, step in enumerate(plan.steps):
            if step.replicas:
                yield ("steps", index, "replicas"), "needs capacity.scaling, by which the driver scales both pools"
        return
    surge = plan.capacity.scaling.surge
    if (surge.replicas is None) == (surge.accelerators is None):
        yield (*at, "surge"), "give either replicas or accelerators"
        return
    steps = [index for index, step in enumerate(plan.steps) if step.percent]
    try:
        of_plan(plan)
    except Impossible as impossible:
        yield ("steps", steps[impossible.step], "percent"), str(impossible)


def _of_pools(plan: Plan) -> Iterator[Contradiction]:
    if plan.old == plan.new:
        yield ("pools", "new"), f"old and new are both {plan.old}; a rollout is between two pools"
    if len(set(plan.probe.models)) < len(plan.probe.models):
        yield ("probe", "models"), "a model is named twice"
    if bool(plan.probe.to_old) != bool(plan.probe.to_new):
        given = "toOld" if plan.probe.to_old else "toNew"
        yield ("probe", given), "toOld and toNew go together: both pools are judged by requests sent alike"


def _of_hooks(plan: Plan) -> Iterator[Contradiction]:
    for name in type(plan.hooks).model_fields:
        hook: Hook | None = getattr(plan.hooks, name)
        if hook and bool(hook.command) == bool(hook.url):
            yield ("hooks", name), "give either url or command"


def _of_answers(plan: Plan) -> list[Contradiction]:
    at = ("objectives", "quality")
    quality = plan.quality
    if quality is None:
        return [(at, "needs quality.prompts, the prompts that both pools answer")] if plan.objectives.quality else []
    if not plan.answers:
        return [(("quality",), "has no objective; add objectives.quality, as passRate or agreement")]
    found: list[Contradiction] = []
    if not plan.probe.to_new:
        found.append((("quality",), "needs probe.toOld and probe.toNew, by which each pool is asked"))
    judge = quality.judge
    if judge and bool(judge.command) == bool(judge.url):
        found.append((("quality", "judge"), "give either command or url"))
    if ("judged" in plan.answers) != bool(judge):
        found.append(((*at, "judged"), "goes together with quality.judge, which gives the scores"))
    if "adapter_effect" in plan.answers and not quality.base:
        found.append(((*at, "adapterEffect"), "needs quality.base, the base models' names"))
    return found


def _of_step_0(plan: Plan) -> list[Contradiction]:
    if plan.steps[0].percent:
        return []
    needed = {
        "probe.toOld and probe.toNew, since the new pool has no weight yet": plan.probe.to_new,
        "capacity.peak, up to which the rate rises": plan.capacity,
        "objectives.goodput, by which the rate that the new pool holds is found": plan.goodput,
        "a step above 0 after it": plan.steps[1:],
    }
    found: list[Contradiction] = [
        (("steps", 0, "percent"), f"0 needs {what}") for what, there in needed.items() if not there
    ]
    if plan.goodput and plan.steps[0].burn_in < (least := shortest_ladder(plan.goodput)):
        short = written(plan.steps[0].burn_in)
        why = f"{short} is too short for a queue to show at each of eight rates; give {written(least)}"
        found.append((("steps", 0, "burnIn"), why))
    return found


def shortest_ladder(goodput: Goodput) -> float:
    """Return the shortest time (s) for the eight rates of step 0: ten times the longest limit for each.

    At a rate that is too high the queue only begins to build: at 1.2 times what a pool holds, it takes five times the
    limit of TTFT until a request is beyond it.
    """
    return 8 * 10 * max(goodput.limits.values(), default=0.0)


def _of_queries(plan: Plan) -> list[Contradiction]:
    found: list[Contradiction] = []
    taken = {plan.error_rate.name, *(each.name for each in plan.latency)}
    taken |= {plan.goodput.name} if plan.goodput else set()
    if plan.users:
        taken |= {f"{USERS}{name}" for name in (*taken, "queue")}
    known = names("old", "new", "default", "1s")
    for index, query in enumerate(plan.prometheus.queries if plan.prometheus else ()):
        at = ("prometheus", "queries", index)
        try:
            Template(query.query).substitute(known)
        except (KeyError, ValueError):
            why = f"after $ write one of {', '.join(known)}, or another $ for the character $ itself"
            found.append(((*at, "query"), why))
        if query.name in taken:
            found.append(((*at, "name"), f"another objective is named {query.name!r}; give each its own name"))
        taken.add(query.name)
    return found
