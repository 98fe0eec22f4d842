"""Calibration and efficiency of the driver's verdict on latency, for simulated traffic and for any trace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.result import Result, machine
from benchmarks.verdict.picture import draw
from inferencepool_rollout.command import run_command
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.progress import say
from kit.verdict import calibration, limits
from kit.verdict.calibration import LEVEL, MISS, SOON, Row, as_json, calibrate, pairs, traffics
from kit.verdict.efficiency import Cost, costs
from kit.verdict.judges import JUDGES
from kit.verdict.limits import Kept
from kit.verdict.traffic import Trace, read_trace

PICTURED = calibration.OBJECTIVES[1:2]


def bench(
    trace: Annotated[
        Path | None, typer.Option(help="CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the random numbers")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="steps for each traffic")] = 400,
    only: Annotated[str, typer.Option(help="part of a traffic's name")] = "",
    as_machine: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    bounds: Annotated[bool, typer.Option("--limits", help="print what no judge can exceed instead")] = False,
    picture: Annotated[Path | None, typer.Option(help="write the comparison with other judges as SVG")] = None,
) -> int:
    """Print how often the verdict is wrong in each traffic, and how many requests it takes.

    Without --trace, traffic is simulated without users' bursts. A run is one step of 1800 s.
    """
    if not trace:
        say("no --trace: bursts and queues of real traffic are left out")
    drawn = {name: pairs(each, name, seed, runs) for name, each in traffics(_read(trace)).items() if only in name}
    if bounds:
        limits_of([row for name, each in drawn.items() if name.startswith("trace") for row in limits.kept(name, each)])
        return 0
    rows: list[Row] = []
    for name, each in drawn.items():
        say(f"{name}: {runs} steps")
        rows += calibration.calibrate_driver(name, each)
    cost = [] if only else list(costs(JUDGES["the driver"], max(1, runs // 4), seed))
    if picture:
        draw(
            {
                judge: [row for name, each in drawn.items() for row in calibrate(ask, name, each, PICTURED)]
                for judge, ask in JUDGES.items()
            },
            picture,
        )
    if as_machine:
        print(json.dumps({"machine": machine(), "rows": as_json(rows), "costs": [vars(each) for each in cost]}))
        return 0
    for result in (calibration_of(rows), efficiency_of(cost)):
        result.show()
    return 0


def limits_of(kept: Sequence[Kept]) -> None:
    """Print the limits."""
    Result(
        "A pool ten times as slow, at most",
        f"Own drift whose memory and standard deviation are known. Rolled back within {SOON} s by the best test that "
        "rolls back so many equal pools, and the seconds without which 99 % is out of reach.",
        ("memory, s", "equal pools rolled back", f"rolled back within {SOON} s", "99 % takes, s"),
        [(str(each.memory), f"{each.false:.0%}", f"{each.power:.1%}", str(each.seconds)) for each in limits.soon(SOON)],
    ).show()
    Result(
        "Equal pools kept, at most",
        f"By the best test of the percentile's ratio that passes {MISS:.0%} of the pools as bad as detect, and knows "
        "the distribution of that ratio in this traffic at each moment.",
        ("traffic", "objective", "kept", "after, s"),
        [(each.traffic, each.objective, f"{each.share:.0%}", str(each.seconds)) for each in kept],
    ).show()


def _read(trace: Path | None) -> Trace | None:
    if not trace:
        return None
    try:
        return read_trace(trace)
    except (OSError, KeyError, ValueError) as error:
        raise Failure(
            f"{trace} is not a trace ({error!r}); expected a CSV file with the columns TIMESTAMP, ContextTokens and "
            "GeneratedTokens"
        ) from None


def calibration_of(rows: Sequence[Row]) -> Result:
    """Return the calibration as a table."""
    return Result(
        "Wrong verdicts",
        f"Level {LEVEL:.2%} and miss {MISS:.0%} for one objective of one step of 1800 s, 6.7 requests/s to each pool. "
        "Pools ten times as slow have 60 s. The time is the median of those that were decided.",
        ("traffic", "new pool", "objective", "steps", "rolled back", "kept", "median s"),
        [
            (row.traffic, row.pool, row.objective, str(row.runs), str(row.violated), str(row.kept),
             f"{row.seconds:.0f}")
            for row in rows
        ],
    )  # fmt: skip


def efficiency_of(cost: Sequence[Cost]) -> Result:
    """Return the efficiency as a table."""
    return Result(
        "Requests for a verdict",
        "Independent requests; a new pool exactly at accept until it is kept, exactly at detect until it is violated. "
        "Multiples of the requests of a fixed-size test that knows the distribution.",
        ("objective", "fixed-size test", "kept", "violated", "wrong", "undecided", "of"),
        [
            (each.objective, f"{each.fixed:.0f}", f"{each.kept:.2f}", f"{each.violated:.2f}", str(each.wrong),
             str(each.undecided), str(2 * each.runs))
            for each in cost
        ],
    )  # fmt: skip


if __name__ == "__main__":
    run_command(bench, "scripts/bench verdict")
