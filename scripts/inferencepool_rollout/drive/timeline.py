"""A plan as a timeline: when each step begins and ends, what it needs, and the commands that it runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from inferencepool_rollout.drive.movers.helm import upgrade
from inferencepool_rollout.evidence.capacity import rates
from inferencepool_rollout.evidence.decision import fewest_requests
from inferencepool_rollout.kube.helm import Helm
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.preflight.capacity import replicas
from inferencepool_rollout.scaling.schedule import Stage, of_plan


def print_timeline(console: Console, plan: Plan, helm: Helm) -> None:
    """Print the plan's timeline and commands."""
    table = Table("step", "to the new pool", "from", "to", "replicas new / old", "requests of the probe")
    least = most = 0.0
    stages = {stage.percent: stage for stage in _stages(plan)}
    for number, step in enumerate(plan.steps, 1):
        need = "-"
        if plan.capacity:
            each = plan.capacity.per_replica
            new = replicas(step.percent / 100 * plan.capacity.peak, each.new)
            need = f"{new} / {replicas(plan.capacity.peak, each.old)}"
        if stage := stages.get(step.percent):
            need = f"{stage.new} / {stage.old}"
        requests = f"{plan.probe.rate * step.burn_in:.0f} to {plan.probe.rate * step.longest:.0f}"
        if plan.capacity and not step.percent:
            lowest, *_, highest = rates(plan.capacity.peak)
            requests = f"at {lowest:.3g} to {highest:.3g} requests/s"
        table.add_row(
            str(number), f"{step.percent} %", f"+{span(least)}", f"+{span(least + step.burn_in)}", need,
            requests,
        )  # fmt: skip
        least, most = least + step.burn_in, most + step.longest
    console.print(table)
    if stages:
        console.print(_sizes(plan), markup=False)
    fewest = fewest_requests(plan)
    console.print(f"in all {span(least)}, {span(most)} if every step takes its longest; alpha {plan.alpha:g}")
    console.print(f"no step passes before {fewest} requests to {plan.new}", markup=False)
    share = 1 / 3 if plan.probe.to_new else plan.steps[0].percent / 100
    if not plan.users and fewest > plan.probe.rate * share * plan.steps[0].longest:
        console.print("[bold red]the first step cannot send as many: raise probe.rate or longest[/]")
    for step in (step for step in plan.steps if step.percent):
        print(" ".join(helm.command(*upgrade(plan, step.percent))))
    print(f"# back at any moment: {' '.join(helm.command('rollback', plan.route.release, 'REVISION-BEFORE'))}")
    print(f"# in the end: {' '.join(helm.command('uninstall', plan.old))}")


def _stages(plan: Plan) -> Sequence[Stage]:
    if plan.capacity is None or plan.capacity.scaling is None:
        return ()
    return of_plan(plan)[1]


def _sizes(plan: Plan) -> str:
    """What the stages use at most, and where they have the least room."""
    assert plan.capacity and plan.capacity.scaling
    limits, stages = of_plan(plan)
    unit = "replicas" if plan.capacity.scaling.surge.accelerators is None else "accelerators"
    used = max(limits.used(stage.old, stage.new) for stage in stages)
    tight = min(stages, key=lambda stage: limits.headroom(stage.percent, stage.old, stage.new))
    spare = limits.headroom(tight.percent, tight.old, tight.new) - 1
    both = limits.used(limits.old_full, limits.new_full)
    return (
        f"at most {used} of {limits.most} {unit} run, where two full pools take {both}; the least headroom is "
        f"{100 * spare:.0f} %, at {tight.percent} %"
    )


def span(seconds: float) -> str:
    """Return a duration for people, for example 1h30m."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (left, "s")) if n) or "0s"
