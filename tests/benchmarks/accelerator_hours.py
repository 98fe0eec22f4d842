"""What a rollout costs in accelerators: with both pools scaled, and with two full pools side by side."""

from __future__ import annotations

from benchmarks.result import Result
from inferencepool_rollout.scaling.schedule import Limits, Stage, end, schedule

OBSERVED_HOURS = 0.25
START_HOURS = 5 / 60
SPARE = 0.3  # of a replica, beyond the peak
CASES = ((3, 1, 3), (10, 1, 10), (10, 2, 5), (50, 5, 10))  # replicas, surge, steps


def measure() -> Result:
    """Compute the schedules of CASES."""
    rows = []
    for replicas, surge, steps in CASES:
        limits = Limits(replicas - SPARE, 1, 1, replicas, replicas, 1, 1, replicas + surge)
        stages = schedule(limits, [100 * number // steps for number in range(1, steps + 1)])
        hours = steps * (OBSERVED_HOURS + START_HOURS) + START_HOURS
        used = _accelerator_hours(limits, stages)
        full = 2 * replicas * (steps * OBSERVED_HOURS + START_HOURS)
        most = max(limits.used(stage.old, stage.new) for stage in stages)
        side_by_side = f"{most} / {2 * replicas}", f"{used:.0f} / {full:.0f}"
        rows.append((str(replicas), str(surge), str(steps), f"{hours:.1f}", *side_by_side))
    return Result(
        "Accelerators of a rollout",
        "Schedules of `capacity.scaling` beside two full pools. Each step is observed for 15 minutes, a model server "
        "starts in 5, and a replica has one accelerator. Those that serve anyway count too.",
        ("replicas", "surge", "steps", "hours", "most accelerators, scaled / two", "accelerator-hours, scaled / two"),
        rows,
    )


def _accelerator_hours(limits: Limits, stages: tuple[Stage, ...]) -> float:
    """Both pools while replicas start and while the step is observed, and the last starts at the end."""
    last = end(limits, stages[-1])
    observed = sum(limits.used(stage.old, stage.new) for stage in stages) * (OBSERVED_HOURS + START_HOURS)
    return observed + limits.used(last.old, last.new) * START_HOURS
