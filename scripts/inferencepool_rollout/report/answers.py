"""What a run log tells of the answers that both pools gave to the plan's prompts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inferencepool_rollout.drive.run_log import Event
from inferencepool_rollout.evidence.decision import Finding
from inferencepool_rollout.traffic.sequential import anytime_interval

AROUND = 160
"""Characters before the first difference that are shown."""


@dataclass(frozen=True)
class Shown:
    """A reply beside the other pool's: what it has in common with it, and what begins with the first difference.

    `cut` says that the common part begins earlier; `calls` are the tools that it calls, as JSON.
    """

    common: str
    rest: str
    cut: bool
    calls: str
    problem: str


@dataclass(frozen=True)
class Example:
    """A prompt that the new pool answered otherwise or worse; `asked`, `old` and `new` are empty without texts."""

    prompt: str
    model: str
    where: str
    steady: bool
    passed: Mapping[str, bool]
    unmet: Mapping[str, str | None]
    asked: str
    old: Shown | None
    new: Shown | None


@dataclass(frozen=True)
class Answers:
    """One gate: its verdict at the new pool's `percent`, counts of prompts, and examples."""

    time: float
    percent: float
    action: str
    why: str
    findings: Sequence[Finding]
    prompts: int
    floor: int
    differing: int
    seeded: int
    ignored: int
    expecting: int
    passed: Mapping[str, int]
    finish: Mapping[str, Mapping[str, int]]
    examples: Sequence[Example]

    def pass_rate(self, pool: str, alpha: float) -> tuple[float, float, float]:
        """Return the share of a pool's answers that met their expectation, and its 1 - alpha interval; NaN: none."""
        if not self.expecting:
            return math.nan, math.nan, math.nan
        return (self.passed[pool] / self.expecting, *anytime_interval(self.passed[pool], self.expecting, alpha))


def answers(events: Sequence[Event], texts: bool) -> Iterator[Answers]:
    """Yield the gates of a log, by time; `texts` keeps what the log has of prompts and answers."""
    for event in events:
        if event["event"] == "quality":
            yield Answers(
                time=event["time"], percent=event["percent"], action=event["action"], why=event["why"],
                findings=[Finding.read(each) for each in event["findings"]],
                prompts=event["prompts"], floor=event["floor"], differing=event["differing"],
                seeded=event["seeded"], ignored=event["seedIgnored"], expecting=event["expecting"],
                passed=event["passed"], finish=event["finish"],
                examples=[_example(each, texts) for each in event["examples"]],
            )  # fmt: skip


def _example(event: Mapping[str, Any], texts: bool) -> Example:
    has = texts and "old" in event
    at = event["character"]
    return Example(
        prompt=event["prompt"],
        model=event["model"],
        where=_where(event),
        steady=event["againSame"],
        passed=event["passed"],
        unmet=event["unmet"] if has else {},
        asked=_asked(event["asked"]) if has else "",
        old=_shown(event["old"], at) if has else None,
        new=_shown(event["new"], at) if has else None,
    )


def _where(event: Mapping[str, Any]) -> str:
    if event["token"] is None:
        return f"character {event['character'] + 1}"
    certainty = event["certainty"]
    sure = f", of which the old pool was {100 * certainty:.0f} % sure" if certainty is not None else ""
    return f"token {event['token'] + 1}{sure}"


def _asked(prompt: Mapping[str, Any]) -> str:
    if "prompt" in prompt:
        return str(prompt["prompt"])
    return "\n".join(f"{each.get('role', '')}: {each.get('content', '')}" for each in prompt["messages"])


def _shown(reply: Mapping[str, Any], at: int) -> Shown:
    text = reply["text"]
    calls = json.dumps(reply["toolCalls"], ensure_ascii=False) if reply["toolCalls"] else ""
    return Shown(text[max(0, at - AROUND) : at], text[at:], at > AROUND, calls, reply["problem"])
