"""Asking both pools, each by its preview header: nothing is retried, and whatever comes of a request is a Reply."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.answers import Quality
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.quality.prompts import Prompt
from inferencepool_rollout.quality.reply import Reply, read_reply
from inferencepool_rollout.traffic.answers import Lost
from inferencepool_rollout.traffic.received import Received, printable
from inferencepool_rollout.traffic.request import POOL_HEADER, base_url


@dataclass(frozen=True)
class Asked:
    """A prompt and its replies: `again` is the old pool's second one, which shows how much equal weights differ.

    `old_base` and `new_base` are the same prompt's replies without its adapter, None where it has none; `scores` the
    judge's of the old and the new reply.
    """

    prompt: Prompt
    old: Reply
    again: Reply
    new: Reply
    old_base: Reply | None = None
    new_base: Reply | None = None
    scores: tuple[float, float] | None = None


class Pools:
    """The two pools behind the gateway."""

    def __init__(self, plan: Plan, quality: Quality, session: aiohttp.ClientSession) -> None:
        self._plan, self._quality, self.session = plan, quality, session
        self._headers = {
            side: {"Content-Type": "application/json", **plan.gateway.headers, **headers}
            for side, headers in (("old", plan.probe.to_old), ("new", plan.probe.to_new))
        }
        self._marks = {side: f"{plan.route.namespace}/{name}" for side, name in (("old", plan.old), ("new", plan.new))}

    async def ask(self, prompt: Prompt) -> Asked:
        """Ask both pools one prompt, all requests at once in random order, so that all meet the same load.

        Raises Failure, by the prompt's line, where the old pool refuses the request itself or another pool answers.
        """
        model = prompt.model or self._plan.probe.models[0]
        kinds = {"old": ("old", model), "again": ("old", model), "new": ("new", model)}
        base = self._quality.base
        if base and model not in (base.old, base.new):
            kinds |= {"old_base": ("old", base.old), "new_base": ("new", base.new)}
        names = random.sample(sorted(kinds), len(kinds))
        each = await asyncio.gather(*(self._reply(prompt, *kinds[name]) for name in names))
        replies = dict(zip(names, each, strict=True))
        bases = replies.get("old_base"), replies.get("new_base")
        asked = Asked(prompt, replies["old"], replies["again"], replies["new"], *bases)
        if 400 <= asked.old.status < 500 and asked.old.status != 429:
            remedy = "; set quality.logprobs: false if it takes none" if self._quality.logprobs else ""
            raise Failure(f"prompt {named(prompt)}: the old pool refuses it: {asked.old.problem}{remedy}")
        return asked

    async def _reply(self, prompt: Prompt, side: str, model: str) -> Reply:
        reply = await self._exchange(prompt, self._headers[side], prompt.body(model, self._quality.logprobs))
        if reply.mark and reply.mark != self._marks[side]:
            to = f"probe.to{side.capitalize()}"
            raise Failure(f"prompt {named(prompt)}: sent to {self._marks[side]} by {to}, answered by {reply.mark}")
        return reply

    async def _exchange(self, prompt: Prompt, headers: Mapping[str, str], body: bytes) -> Reply:
        seen, failed = Received(), None
        url = base_url(self._plan.gateway.url) / prompt.path
        try:
            async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                seen.status = response.status
                seen.pool = response.headers.get(POOL_HEADER, "")
                async for piece in response.content.iter_any():
                    seen.take(time.perf_counter(), piece)
        except Exception as error:
            failed = error
        mark = printable(seen.pool)
        try:
            await seen.judge(False, failed)
            return read_reply(b"".join(seen.pieces), seen.status, mark)
        except Lost as lost:
            said = f"{lost.cause} {seen.status or ''}".strip()
            return Reply(problem=printable(f"{said}: {lost.detail}"), status=seen.status, mark=mark)


def named(prompt: Prompt) -> str:
    """Return how people find a prompt in its file."""
    line = f"in line {prompt.line}"
    return f"{prompt.name} ({line})" if prompt.name else line


@contextlib.asynccontextmanager
async def pools(plan: Plan, quality: Quality) -> AsyncIterator[Pools]:
    """Open the connections to the gateway while the block runs."""
    timeout = aiohttp.ClientTimeout(total=plan.probe.timeout)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield Pools(plan, quality, session)
