"""A judge from outside: a program or an endpoint that gets both answers to a prompt and scores each.

It gets {"prompt": the prompt's line, "old": answer, "new": answer}, an answer being {"text", "reasoning", "toolCalls",
"finishReason", "problem"}, and returns {"old": score, "new": score}: true, false or a number from 0 to 1. A judge that
fails, takes too long or returns something else raises Failure, which holds the step; nothing is retried.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import aiohttp

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.answers import Judge
from inferencepool_rollout.quality.prompts import Prompt
from inferencepool_rollout.quality.reply import Reply

SAID = 200


async def score(
    judge: Judge, session: aiohttp.ClientSession, prompt: Prompt, old: Reply, new: Reply
) -> tuple[float, float]:
    """Return the scores of the old and the new reply, each from 0 to 1; raises Failure where there are none."""
    given = prompt.model_dump(mode="json", by_alias=True, exclude_unset=True)
    question = json.dumps({"prompt": given, "old": old.shown(), "new": new.shown()}).encode()
    try:
        async with asyncio.timeout(judge.timeout):
            answer = await (_run(judge, question) if judge.command else _post(judge, session, question))
    except TimeoutError:
        raise Failure(f"the judge had not answered after {judge.timeout:g} s (quality.judge.timeout)") from None
    except (OSError, aiohttp.ClientError) as error:
        raise Failure(f"the judge cannot be asked: {error or type(error).__name__}") from None
    return _score(answer, "old"), _score(answer, "new")


async def _run(judge: Judge, question: bytes) -> bytes:
    program = await asyncio.create_subprocess_exec(
        *judge.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await program.communicate(question)
    finally:
        if program.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                program.kill()
            await program.wait()
    if program.returncode:
        lines = err.decode(errors="replace").strip().splitlines()
        said = lines[-1][:SAID] if lines else "it said nothing"
        raise Failure(f"the judge {judge.command[0]} exited with {program.returncode}: {said}")
    return out


async def _post(judge: Judge, session: aiohttp.ClientSession, question: bytes) -> bytes:
    headers = {"Content-Type": "application/json", **judge.headers}
    async with session.post(str(judge.url), data=question, headers=headers, allow_redirects=False) as response:
        body = await response.read()
    if response.status != 200:
        raise Failure(f"the judge answered {response.status}: {body[:SAID].decode(errors='replace')}")
    return body


def _score(answer: bytes, side: str) -> float:
    try:
        value: Any = json.loads(answer)[side]
    except (ValueError, KeyError, TypeError, RecursionError):
        value = None
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        said = answer[:SAID].decode(errors="replace")
        raise Failure(f'the judge must return {{"old": score, "new": score}}, each from 0 to 1, not {said!r}')
    return float(value)
