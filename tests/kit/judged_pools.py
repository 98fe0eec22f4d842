"""Two pools behind one HTTP server, told apart by the preview header, and a gate that asks them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.quality.gate import Gate, Judged
from kit.completion_servers import serving
from kit.plans import TEXT, plan_of

PROMPTS = 120
Body = dict[str, Any]
Answer = Callable[[str, Body], Any]


def echo(side: str, asked: Body) -> str:
    """Both pools say the prompt back."""
    return str(asked["prompt"])


@dataclass
class Pools:
    """What the two pools answer; a web.Response is sent as it is, a text as a completion of that text."""

    answer: Answer = echo
    mark: Callable[[str], str] = lambda side: f"default/pool-{side}"
    asked: list[tuple[str, Body]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        side, body = request.headers["x-pool"], json.loads(await request.read())
        self.asked.append((side, body))
        said = self.answer(side, body)
        if isinstance(said, web.StreamResponse):
            return said
        choice = {"text": said, "finish_reason": "stop", "index": 0}
        usage = {"completion_tokens": max(1, len(said.split()))}
        return web.json_response({"choices": [choice], "usage": usage}, headers={"x-inference-pool": self.mark(side)})


def plan_with(folder: Path, url: str, objectives: str, quality: str = "", prompts: list[Body] | None = None) -> Plan:
    """A plan with prompts, each of which expects its own number back."""
    lines = prompts or [{"prompt": f"number {n}", "expect": {"contains": str(n)}} for n in range(PROMPTS)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = TEXT.replace("http://127.0.0.1:8080", url)
    text = text.replace("  rate: 50\n", "  rate: 50\n  toOld: {x-pool: old}\n  toNew: {x-pool: new}\n")
    text = text.replace("decision:\n", f"  quality: {objectives}\ndecision:\n")
    return plan_of(folder, f"{text}quality: {{prompts: prompts.jsonl{quality}}}\n")


@contextmanager
def gate(folder: Path, both: Pools, objectives: str, quality: str = "", **more: Any) -> Iterator[Gate]:
    with serving(both) as server:
        plan = plan_with(folder, server.url, objectives, quality, **more)
        assert plan.quality
        yield Gate(plan, plan.quality, threading.Event())


def judged(folder: Path, both: Pools, objectives: str, quality: str = "", **more: Any) -> Judged:
    with gate(folder, both, objectives, quality, **more) as made:
        return made.run()


BOTH = "{passRate: {accept: 0.02, detect: 0.1}, agreement: {accept: 0.05, detect: 0.2}}"
PASS = "{passRate: {accept: 0.02, detect: 0.1}}"
