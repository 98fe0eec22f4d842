"""One request to an OpenAI-style completions endpoint, and what came of it. Nothing is ever retried."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answer, Cause

POD_HEADER = "x-inference-pod"
POOL_HEADER = "x-inference-pool"

# The first row that fits decides: aiohttp's exceptions overlap, so the order matters.
_CAUSES: tuple[tuple[type[Exception], Cause], ...] = (
    (TimeoutError, Cause.TIMEOUT),
    (aiohttp.ClientConnectorError, Cause.CONNECT),
    (aiohttp.ClientPayloadError, Cause.CUT),
    (aiohttp.ServerDisconnectedError, Cause.RESET),
    (OSError, Cause.RESET),
    (aiohttp.ClientError, Cause.PROTOCOL),
)


@dataclass(frozen=True)
class Completion:
    """What is asked of the model, again and again."""

    model: str
    prompt: str = "Write as if you were a critic: San Francisco"
    max_tokens: int = 16
    stream: bool = False
    chat: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request; `Host` is taken too."""
    ignore_eos: bool = False
    """Whether the model goes on to `max_tokens`: a field that vLLM and those after it take beyond OpenAI's."""

    def url(self, base: str) -> URL:
        """Return the endpoint below the base URL; raises Failure if that is no http(s) URL."""
        try:
            url = URL(base)
        except ValueError as error:
            raise Failure(f"{base!r} is no URL: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise Failure(f"{base!r} is no base URL; write it like http://127.0.0.1:8080")
        return url / ("v1/chat/completions" if self.chat else "v1/completions")

    def body(self) -> bytes:
        """Return the JSON body, as the OpenAI API has it."""
        asked: dict[str, Any] = {"model": self.model, "max_tokens": self.max_tokens, "temperature": 0}
        if self.chat:
            asked["messages"] = [{"role": "user", "content": self.prompt}]
        else:
            asked["prompt"] = self.prompt
        asked |= {field: True for field in ("stream", "ignore_eos") if getattr(self, field)}
        return json.dumps(asked).encode()


async def exchange(session: aiohttp.ClientSession, url: URL, body: bytes, *, stream: bool, start: float) -> Answer:
    """Send one request and wait for the end of its answer.

    `start`: the time.perf_counter() from which the answer's times count. aiohttp resends only idempotent methods on a
    connection that it finds closed, and POST is none, so a dead connection is a recorded failure.
    """
    seen = _Seen()
    try:
        async with session.post(url, data=body, allow_redirects=False) as response:
            seen.status = response.status
            seen.pod = response.headers.get(POD_HEADER, "")
            seen.pool = response.headers.get(POOL_HEADER, "")
            if stream and response.status == 200:
                await _read_stream(response.content, seen)
            else:
                _read_body(await response.read(), seen)
    except tuple(kind for kind, _ in _CAUSES) as error:
        cause = next(cause for kind, cause in _CAUSES if isinstance(error, kind))
        # A connection that dies below the answer's head has cut the answer, whatever exception says so.
        seen.fail(Cause.CUT if cause is Cause.RESET and seen.status else cause, f"{type(error).__name__}: {error}")
    end = time.perf_counter()
    return Answer(
        started=start,
        latency=end - start,
        ttft=seen.first - start,
        status=seen.status,
        cause=seen.cause,
        pod=seen.pod,
        chunks=seen.chunks,
        detail=seen.detail,
        pool=seen.pool,
    )


@dataclass
class _Seen:
    """What is known of an answer so far."""

    status: int = 0
    pod: str = ""
    pool: str = ""
    first: float = math.nan
    chunks: int = 0
    cause: Cause = Cause.NONE
    detail: str = ""

    def fail(self, cause: Cause, detail: str) -> None:
        self.cause = cause
        self.detail = detail[:200]


def _read_body(body: bytes, seen: _Seen) -> None:
    """Judge a whole answer that is no stream."""
    if seen.status != 200:
        seen.fail(Cause.STATUS, body.decode(errors="replace") or "nothing")
    elif not _is_completion(body):
        seen.fail(Cause.BODY, body.decode(errors="replace"))


async def _read_stream(lines: aiohttp.StreamReader, seen: _Seen) -> None:
    """Read server-sent events to their end: good is only a stream of completions that ends with [DONE]."""
    done = False
    async for line in lines:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            done = True
            continue
        if not seen.chunks:
            seen.first = time.perf_counter()
        seen.chunks += 1
        if not _is_completion(data):
            seen.fail(Cause.BODY, data.decode(errors="replace"))
    if not done:
        seen.fail(Cause.CUT, f"the stream ended after {seen.chunks} events without [DONE]")


def _is_completion(data: bytes) -> bool:
    """Tell whether a JSON text is a completion, or an event of one, and no error."""
    try:
        answer = json.loads(data)
    except ValueError:
        return False
    return isinstance(answer, dict) and "choices" in answer and "error" not in answer
