"""One call of a hook: a CloudEvent is posted or written to a program, and the answer is a yes or the reason of a no."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import aiohttp

from inferencepool_rollout.hooks.cloud_event import Letter
from inferencepool_rollout.plan.hooks import Hook

SAID, READ = 200, 64 * 1024
"""Characters of an answer that are shown, and bytes that are read."""


def call(hook: Hook, letter: Letter) -> str:
    """Call a hook; return "" for a yes, else why it is none. No answer within the hook's time limit is no yes.

    Redirects are not followed: a page that asks for a log-in is no yes either.
    """
    try:
        return asyncio.run(_call(hook, letter))
    except TimeoutError:
        return f"{hook.target} had not answered after {hook.timeout:g} s"
    except (OSError, ValueError, aiohttp.ClientError) as error:
        return f"{hook.target} cannot be asked: {error or type(error).__name__}"


async def _call(hook: Hook, letter: Letter) -> str:
    async with asyncio.timeout(hook.timeout):
        return await (_run(hook, letter) if hook.command else _post(hook, letter))


async def _post(hook: Hook, letter: Letter) -> str:
    # the time limit is the hook's own, so that it holds for the whole of a call
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), trust_env=True)
    async with (
        session,
        session.post(str(hook.url), data=letter.body, headers=letter.headers, allow_redirects=False) as response,
    ):
        body = bytearray()
        async for part in response.content.iter_chunked(READ):
            body += part
            if len(body) >= READ:
                break
    said = body.decode(errors="replace")
    if 200 <= response.status < 300:
        return ""
    return f"{hook.target} answered {response.status}" + (f": {_shown(said)}" if said.strip() else "")


async def _run(hook: Hook, letter: Letter) -> str:
    program = await asyncio.create_subprocess_exec(
        *hook.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = await program.communicate(letter.body)
    finally:
        if program.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)  # what it has started ends with it
            await program.wait()
    if not program.returncode:
        return ""
    text = said.decode(errors="replace")
    return f"{hook.target} exited with {program.returncode}" + (f": {_shown(text)}" if text.strip() else "")


def _shown(text: str) -> str:
    """The last line of an answer, as far as it is printable."""
    line = text.strip().splitlines()[-1][:SAID]
    return "".join(letter if letter.isprintable() else " " for letter in line)
