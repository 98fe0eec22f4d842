"""Server-sent events are read as the HTML standard has it, however their bytes were split."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencepool_rollout.traffic.answers import Cause, Lost
from inferencepool_rollout.traffic.event_stream import events
from unit.traffic.answer_shapes import DONE, GOOD_CHAT, USAGE, event, lost, received, text

READ = {
    "LF": (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "CR": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "no space after the colon": (b"data:a\n\n", [b"a"]),
    "only the first space is no data": (b"data:  a\n\n", [b" a"]),
    "several lines": (b"data: a\ndata: b\n\n", [b"a\nb"]),
    "a line without a colon": (b"data\n\n", [b""]),
    "comments": (b": ping\n\n:\n\ndata: a\n: in between\n\n", [b"a"]),
    "other fields": (b"id: 7\nretry: 10\nevent: message\ndata: a\nwhatever: b\n\n", [b"a"]),
    "a mark of UTF-8": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "an event that was cut off": (b"data: a\n\ndata: b\n", [b"a"]),
    "an event without data": (b"event: error\n\ndata: a\n\n", [b"a"]),
    "[DONE] without an empty line": (b"data: a\n\ndata: [DONE]", [b"a", b"[DONE]"]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("stream", "data"), READ.values(), ids=READ.keys())
def test_a_stream_is_read_as_the_standard_has_it(stream: bytes, data: list[bytes]) -> None:
    assert [each.data for each in events(stream)] == data


def test_an_event_s_type_is_its_own_alone() -> None:
    assert [each.kind for each in events(b"event: error\ndata: a\n\ndata: b\n\n")] == [b"error", b""]


@given(st.lists(st.binary(max_size=40)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_whatever_an_event_holds_comes_out_again(texts: list[bytes], end: bytes) -> None:
    texts = [text_.replace(b"\r", b"").replace(b"\n", b"") for text_ in texts]
    stream = b"".join(b"data: " + text_ + end + end for text_ in texts)
    assert [each.data for each in events(stream)] == texts


STREAMS = [
    b"".join(GOOD_CHAT),
    b"".join([event(text("a")), event(text("b", "stop")), event(usage=USAGE), DONE]).replace(b"\n", b"\r\n"),
    b"".join([event(text("a")), b"event: error\ndata: died\n\n", DONE]),
    b"".join([event(text("a")), event(text("", "abort")), DONE]),
    b"".join([event(text("a")), b": ping\n\n", event(text("b"))]),
]


@given(st.sampled_from(STREAMS), st.sets(st.integers(1, 500)))
def test_an_answer_is_the_same_however_its_bytes_were_split(stream: bytes, cuts: set[int]) -> None:
    marks = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    split = received([stream[start:stop] for start, stop in pairwise(marks)])
    whole = received([stream])
    assert lost(split) == lost(whole)
    assert split.content == whole.content


@pytest.mark.parametrize("stream", STREAMS[:2])
def test_an_event_has_come_with_the_byte_that_ends_it(stream: bytes) -> None:
    answer = received([stream[index : index + 1] for index in range(len(stream))])
    assert lost(answer) == ""
    ends = [each.end for each in events(stream) if each.data != b"[DONE]"]
    assert {answer.first, answer.last} <= set(map(float, ends))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "index", "text", "delta", "message", "content", "finish_reason", "usage", "error",
                         "completion_tokens", "tool_calls", "reasoning", "refusal", "function_call"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip
PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([DONE, *GOOD_CHAT, b"data:", b"\n", b"\r", b"event: error\n", b"\xff\xfe", b": x\n\n"]),
    st.builds(lambda *choices: event(*choices), JSON, JSON),
    st.builds(lambda usage: event(text("a", "stop"), usage=usage), JSON),
)


@given(st.lists(PIECES, max_size=6), st.booleans(), st.sampled_from([200, 500]))
def test_no_answer_does_more_than_be_good_or_lost(pieces: list[bytes], stream: bool, status: int) -> None:
    answer = received(pieces, status)
    try:
        asyncio.run(answer.judge(stream, None))
    except Lost as reason:
        assert reason.cause in set(Cause) - {Cause.NONE, Cause.FAULT}
    else:
        assert status == 200
        assert not stream or answer.content.events
    assert math.isnan(answer.tpot()) or answer.tpot() >= 0
