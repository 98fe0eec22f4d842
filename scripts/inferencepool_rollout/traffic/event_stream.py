"""Server-sent events, as the HTML standard has them (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from inferencepool_rollout.traffic.answers import Cause, Lost

EVENT_BYTES = 512 * 1024
"""Largest line, and largest event, that is read; every client has such a bound."""
DONE = b"[DONE]"
"""The data of the event by which the OpenAI API ends a stream."""

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: it is whole once `end` bytes of the stream have come."""

    end: int
    kind: bytes
    data: bytes


def events(stream: bytes) -> Iterator[Event]:
    """Yield the events of a stream that has ended; raises Lost at a line or an event above EVENT_BYTES.

    Lines end with LF, CRLF or CR; an empty line ends an event; several `data` lines make one text, joined with LF;
    comments and other fields say nothing. An event that the end of the stream cuts off is dropped, as the standard
    has it, unless it is [DONE]: some servers leave out the empty line after it, and clients read it all the same.
    """
    kind, data, size = b"", list[bytes](), 0
    for end, line in _lines(stream):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
            size = _bounded(size + len(value))
        elif name == b"event":
            kind = value.removeprefix(b" ")
        elif not line:
            if data:
                yield Event(end, kind, b"\n".join(data))
            kind, data, size = b"", [], 0
    if b"".join(data).strip() == DONE:
        yield Event(len(stream), kind, DONE)


def _lines(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each line without its end, and after how many bytes of the stream it is known; the last may have no end."""
    at = len(_BOM) if stream.startswith(_BOM) else 0
    for whole in stream[at:].splitlines(keepends=True):
        line = whole.rstrip(b"\r\n")
        _bounded(len(line))
        yield min(at + len(line) + 1, len(stream)), line
        at += len(whole)


def _bounded(size: int) -> int:
    if size > EVENT_BYTES:
        raise Lost(Cause.TOO_LARGE, f"a line or an event of {size} bytes, more than {EVENT_BYTES}")
    return size
