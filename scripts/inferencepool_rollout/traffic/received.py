"""What has come of an answer, and whether it is good."""

from __future__ import annotations

import asyncio
import bisect
import math
from dataclasses import dataclass, field

import aiohttp

from inferencepool_rollout.traffic.answers import Cause, Lost
from inferencepool_rollout.traffic.content import Content
from inferencepool_rollout.traffic.event_stream import DONE, events

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


@dataclass
class Received:
    """What has come of an answer: its head, its bytes, when each piece of them came, and when the last had come.

    What `judge` finds: `content`, when the first and the last event with content came (NaN where there is none), and
    the longest time between two of them.
    """

    status: int = 0
    pod: str = ""
    pool: str = ""
    pieces: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    ended: float = math.inf
    content: Content = field(default_factory=lambda: Content(streamed=False))
    first: float = math.nan
    last: float = math.nan
    longest: float = math.nan

    def take(self, when: float, piece: bytes) -> None:
        """Keep a piece; raises Lost above BODY_BYTES."""
        self.pieces.append(piece)
        self.times.append(when)
        self.ends.append(len(piece) + (self.ends[-1] if self.ends else 0))
        if self.ends[-1] > BODY_BYTES:
            raise Lost(Cause.TOO_LARGE, f"the answer has more than {BODY_BYTES} bytes")

    def _arrived(self, end: int) -> float:
        """When the first `end` bytes had come."""
        return self.times[bisect.bisect_left(self.ends, end)]

    def tpot(self) -> float:
        """See Answers.tpot."""
        events, tokens = self.content.events, self.content.tokens
        return (self.last - self.first) / (events - 1) * events / max(tokens, events) if events > 1 else math.nan

    async def judge(self, stream: bool, failed: Exception | None) -> None:
        """Judge what came until the answer's end, or until an exception cut it; raises Lost if it is not good."""
        if isinstance(failed, Lost):
            raise failed
        if stream and self.status == 200:
            await self._judge_stream(failed)
        else:
            self._judge_body(failed)

    def _judge_body(self, failed: Exception | None) -> None:
        if failed:
            raise _lost(failed, self)
        body = b"".join(self.pieces)
        if self.status != 200:
            raise Lost(Cause.STATUS, _start(body) or "nothing")
        self.content.read(body)
        self.content.end()

    async def _judge_stream(self, failed: Exception | None) -> None:
        """Good is only a completion that ends with [DONE].

        What the server said is a better reason than how the connection ended. The events are read only now, so that
        reading one answer does not delay the times of others, and a few at a time, for the same reason.
        """
        stream, self.content = b"".join(self.pieces), Content(streamed=True)
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
            elif self.content.read(event.data):
                before, self.last = self.last, self._arrived(event.end)
                self.longest = max(self.last - before, self.longest)  # NaN, the longest of none, comes second
                if self.content.events == 1:
                    self.first = self.last
        if failed:
            raise _lost(failed, self)
        if not count and stream.lstrip().startswith(b"{"):
            raise Lost(Cause.BODY, f"a whole body instead of a stream: {_start(stream)}")
        if not done:
            said = f": {_start(stream)}" if stream and not count else ""
            raise Lost(Cause.CUT, f"the stream ended after {count} events without [DONE]{said}")
        self.content.end()


def _lost(error: Exception, seen: Received) -> Lost:
    """Return what an exception means for an answer."""
    cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), Cause.FAULT)
    # A connection that dies below the answer's head has cut the answer, whatever exception says so.
    return Lost(Cause.CUT if cause is Cause.RESET and seen.status else cause, said(error))


def said(error: Exception) -> str:
    """Return an exception in words, by its name."""
    return f"{type(error).__name__}: {error}"


def _start(text: bytes) -> str:
    return text[:DETAIL_LENGTH].decode(errors="replace")


def printable(text: str) -> str:
    """Return the beginning of a foreign text, which a terminal and a log can take."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:DETAIL_LENGTH])
