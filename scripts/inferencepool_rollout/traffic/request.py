"""One request to an OpenAI-style completions endpoint, and what came of it. Nothing is ever retried."""

from __future__ import annotations

import asyncio
import bisect
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answer, Cause, Lost
from inferencepool_rollout.traffic.content import Content
from inferencepool_rollout.traffic.event_stream import DONE, events

POD_HEADER = "x-inference-pod"
POOL_HEADER = "x-inference-pool"
BODY_BYTES = 16 * 1024 * 1024
"""Most bytes of an answer that are read; of a stream, no line and no event may have more than EVENT_BYTES."""
DETAIL_LENGTH = 200
EVENTS_AT_ONCE = 4

# The first row that fits decides: aiohttp's exceptions overlap, so the order matters. No row: Cause.FAULT.
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


async def exchange(
    session: aiohttp.ClientSession,
    url: URL,
    body: bytes,
    *,
    stream: bool,
    start: float,
    late: float = 0.0,
    queued: float = 0.0,
) -> Answer:
    """Send one request and wait for the end of its answer; whatever comes of it is an Answer, never an exception.

    `start`: the time.perf_counter() from which the answer's times count; `late`, `queued`: see Answers. aiohttp
    resends only idempotent methods on a connection that it finds closed, and POST is none, so a dead connection is a
    recorded failure.
    """
    seen = _Seen()
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
    end = time.perf_counter()
    cause, detail = Cause.NONE, ""
    try:
        if stream and seen.status == 200:
            await _judge_stream(seen, failed)
        else:
            _judge_body(seen, failed)
    except Lost as lost:
        cause, detail = lost.cause, lost.detail
    except Exception as error:
        cause, detail = Cause.FAULT, _said(error)
    return Answer(
        started=start,
        latency=end - start - late,
        ttft=seen.first - start - late,
        status=seen.status,
        cause=cause,
        pod=_printable(seen.pod),
        chunks=seen.content.events if stream else 0,
        detail=_printable(detail),
        pool=_printable(seen.pool),
        tpot=seen.tpot(),
        late=late,
        queued=queued,
    )


@dataclass
class _Seen:
    """What has come of an answer: its head, its bytes, and when each piece of them came."""

    status: int = 0
    pod: str = ""
    pool: str = ""
    pieces: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    content: Content = field(default_factory=lambda: Content(streamed=True))
    first: float = math.nan
    last: float = math.nan

    def take(self, when: float, piece: bytes) -> None:
        """Keep a piece; raises Lost above BODY_BYTES."""
        self.pieces.append(piece)
        self.times.append(when)
        self.ends.append(len(piece) + (self.ends[-1] if self.ends else 0))
        if self.ends[-1] > BODY_BYTES:
            raise Lost(Cause.TOO_LARGE, f"the answer has more than {BODY_BYTES} bytes")

    def arrived(self, end: int) -> float:
        """When the first `end` bytes had come."""
        return self.times[bisect.bisect_left(self.ends, end)]

    def tpot(self) -> float:
        """See Answers.tpot."""
        events, tokens = self.content.events, self.content.tokens
        return (self.last - self.first) / (events - 1) * events / max(tokens, events) if events > 1 else math.nan


def _judge_body(seen: _Seen, failed: Exception | None) -> None:
    """Judge an answer that is no stream; raises Lost if it is not good."""
    if failed:
        raise _lost(failed, seen)
    body = b"".join(seen.pieces)
    if seen.status != 200:
        raise Lost(Cause.STATUS, _start(body) or "nothing")
    content = Content(streamed=False)
    content.read(body)
    content.end()


async def _judge_stream(seen: _Seen, failed: Exception | None) -> None:
    """Judge a stream; raises Lost if it is not a completion that ends with [DONE].

    What the server said is a better reason than how the connection ended. The events are read only now, so that
    reading one answer does not delay the times of others, and a few at a time, for the same reason.
    """
    stream = b"".join(seen.pieces)
    count, done = 0, False
    for count, event in enumerate(events(stream), start=1):
        if count % EVENTS_AT_ONCE == 0:
            await asyncio.sleep(0)
        if event.kind == b"error":
            raise Lost(Cause.BODY, f"an event of type error: {_start(event.data)}")
        if event.data.strip() == DONE:
            done = True
        elif done:
            raise Lost(Cause.BODY, f"an event after [DONE], which no client reads: {_start(event.data)}")
        elif seen.content.read(event.data):
            seen.last = seen.arrived(event.end)
            if seen.content.events == 1:
                seen.first = seen.last
    if failed:
        raise _lost(failed, seen)
    if not count and stream.lstrip().startswith(b"{"):
        raise Lost(Cause.BODY, f"a whole body instead of a stream: {_start(stream)}")
    if not done:
        said = f": {_start(stream)}" if stream and not count else ""
        raise Lost(Cause.CUT, f"the stream ended after {count} events without [DONE]{said}")
    seen.content.end()


def _lost(error: Exception, seen: _Seen) -> Lost:
    """Return what an exception means for an answer."""
    if isinstance(error, Lost):
        return error
    cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), Cause.FAULT)
    # A connection that dies below the answer's head has cut the answer, whatever exception says so.
    return Lost(Cause.CUT if cause is Cause.RESET and seen.status else cause, _said(error))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _start(text: bytes) -> str:
    return text[:DETAIL_LENGTH].decode(errors="replace")


def _printable(text: str) -> str:
    """Return the beginning of a foreign text, which a terminal and a log can take."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:DETAIL_LENGTH])
