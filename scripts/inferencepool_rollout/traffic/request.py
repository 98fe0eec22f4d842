"""One request to an OpenAI-style completions endpoint, and what came of it. Nothing is ever retried."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answer, Cause, Lost
from inferencepool_rollout.traffic.received import Received, printable, said

POD_HEADER = "x-inference-pod"
POOL_HEADER = "x-inference-pool"
ROLES = ("user", "assistant")


@dataclass(frozen=True)
class Completion:
    """What is asked of the model, again and again."""

    model: str
    prompt: str = "Write as if you were a critic: San Francisco"
    max_tokens: int = 16
    stream: bool = False
    chat: bool = False
    history: Sequence[tuple[str, str]] = ()
    """Earlier prompts of the same conversation with their answers."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request; `Host` is taken too."""
    ignore_eos: bool = False
    """Whether the model goes on to `max_tokens`: a field that vLLM and those after it take beyond OpenAI's."""
    usage: bool = False
    """Whether a stream's server is asked to count its tokens (stream_options.include_usage), for Answers.tpot. vLLM,
    SGLang, TensorRT-LLM and llm-d's simulator take the field; a server that does not may answer 400."""

    def url(self, base: str) -> URL:
        """Return the endpoint below the base URL; raises Failure if that is no http(s) URL."""
        return base_url(base) / ("v1/chat/completions" if self.chat else "v1/completions")

    def body(self) -> bytes:
        """Return the JSON body, as the OpenAI API has it."""
        asked: dict[str, Any] = {"model": self.model, "max_tokens": self.max_tokens, "temperature": 0}
        if self.chat:
            said = [(role, said) for turn in self.history for role, said in zip(ROLES, turn, strict=True)]
            asked["messages"] = [{"role": role, "content": text} for role, text in (*said, (ROLES[0], self.prompt))]
        else:
            asked["prompt"] = "".join([*(text for turn in self.history for text in turn), self.prompt])
        asked |= {field: True for field in ("stream", "ignore_eos") if getattr(self, field)}
        if self.stream and self.usage:
            asked["stream_options"] = {"include_usage": True}
        return json.dumps(asked).encode()


def base_url(text: str) -> URL:
    """Return a base URL; raises Failure if it is no http(s) URL."""
    try:
        url = URL(text)
    except ValueError as error:
        raise Failure(f"{text!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Failure(f"{text!r} is not a base URL; write it like http://127.0.0.1:8080")
    return url


async def exchange(
    session: aiohttp.ClientSession,
    url: URL,
    body: bytes,
    *,
    stream: bool,
    start: float,
    seen: Received,
    judging: asyncio.Lock,
    late: float = 0.0,
    queued: float = 0.0,
) -> Answer:
    """Send one request and wait for the end of its answer; whatever comes of it is an Answer, never an exception.

    `start`: the time.perf_counter() from which the answer's times count; `seen` takes what comes, for others to read
    meanwhile; `judging` is held while an answer is judged, so that however many end at once, the times of others wait
    for a few events at most; `late`, `queued`: see Answers. aiohttp resends only idempotent methods on a connection
    that it finds closed, and POST is none, so a dead connection is a recorded failure.
    """
    failed: Exception | None = None
    try:
        async with session.post(url, data=body, allow_redirects=False) as response:
            seen.status = response.status
            seen.pod = response.headers.get(POD_HEADER, "")
            seen.pool = response.headers.get(POOL_HEADER, "")
            async for piece in response.content.iter_any():
                seen.take(time.perf_counter(), piece)
    except Exception as error:
        failed = error
    seen.ended = time.perf_counter()
    cause, detail = Cause.NONE, ""
    try:
        async with judging:
            await seen.judge(stream, failed)
    except Lost as lost:
        cause, detail = lost.cause, lost.detail
    except Exception as error:
        cause, detail = Cause.FAULT, said(error)
    return Answer(
        started=start,
        latency=seen.ended - start - late,
        ttft=seen.first - start - late,
        status=seen.status,
        cause=cause,
        pod=printable(seen.pod),
        chunks=seen.content.events if seen.content.streamed else 0,
        detail=printable(detail),
        pool=printable(seen.pool),
        tpot=seen.tpot(),
        late=late,
        queued=queued,
        itl=seen.longest,
    )
