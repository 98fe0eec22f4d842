"""How true the probe's TTFT is, beside the one that the server's own clock measures.

The server streams TOKENS tokens an answer on the last core, and notes for each when the request came and when it
wrote the first token. The probe is held on the first core, once with nothing beside it, once beside a thread of its
starter that computes for a fifth of the time, as a rollout does that judges a long step every second.
"""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast

import numpy as np
import uvloop

from benchmarks.load_rate import held_on
from benchmarks.result import Result
from inferencepool_rollout.traffic.apart import apart
from inferencepool_rollout.traffic.load import Plan
from inferencepool_rollout.traffic.request import Completion

TOKENS = 32
FIRST_SECONDS = (0.02, 0.08)
NEXT_SECONDS = 0.01


def event(text: str, end: str | None = None) -> bytes:
    """One event of a stream, as vLLM sends it, in a chunk of HTTP."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": end, "stop_reason": None}
    answer = {"id": "cmpl-5a2d3c1f9f4b", "object": "text_completion", "created": 1764000000, "model": "food-review"}
    data = b"data: " + json.dumps(answer | {"choices": [choice]}).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nx-inference-pod: %d\r\n\r\n"
)
TOKEN, LAST = event(" fine"), event(" fine", "length") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Server(asyncio.Protocol):
    """Streams an answer to each request; `first_tokens` has its TTFT by the number that the answer names as its pod."""

    first_tokens: list[float]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._read = cast(asyncio.WriteTransport, transport), b""

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", self._read[: max(end, 0)], re.IGNORECASE)
        if not length or len(self._read) < end + 4 + int(length[1]):
            return
        self._read = b""
        number = len(self.first_tokens)
        self.first_tokens.append(0.0)
        self._transport.write(HEAD % number)
        asyncio.get_running_loop().call_later(random.uniform(*FIRST_SECONDS), self._first, number, now)

    def _first(self, number: int, came: float) -> None:
        self.first_tokens[number] = time.perf_counter() - came
        self._token(TOKENS)

    def _token(self, left: int) -> None:
        self._transport.write(TOKEN if left > 1 else LAST)
        if left > 1:
            asyncio.get_running_loop().call_later(NEXT_SECONDS, self._token, left - 1)


def serve(starter: Connection) -> None:
    """Serve on the last core: say the port, and when asked, all TTFTs."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    Server.first_tokens = []

    async def run() -> None:
        asked = asyncio.Event()
        asyncio.get_running_loop().add_reader(starter.fileno(), asked.set)
        listening = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=1024)
        gc.freeze()
        starter.send(listening.sockets[0].getsockname()[1])
        await asked.wait()
        starter.send(Server.first_tokens)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


@contextmanager
def computing() -> Iterator[None]:
    """Compute for 0.2 s of each second, in a thread of this process, while the block runs."""
    over = threading.Event()

    def compute() -> None:
        while not over.wait(0.8):
            until = time.monotonic() + 0.2
            while time.monotonic() < until:
                sum(range(10_000))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def errors(rate: float, seconds: float) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    """Run the probe; return |its TTFT - the server's| of each answer, and the 99th percentile of its lateness (ms)."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    request, plan = Completion("food-review", stream=True, max_tokens=TOKENS), Plan(400, rate=rate, seconds=seconds)
    with held_on(min(os.sched_getaffinity(0))), apart([(url, request, plan)]) as (load,):
        load.ended.wait()
    answers = load.answers()
    ours.send("all")
    own = np.array(ours.recv())[answers.pod.astype(int)]
    process.join()
    assert answers.lost == 0, answers.causes()
    return np.abs(answers.ttft - own) * 1e3, float(np.percentile(answers.late, 99)) * 1e3


def measure(rate: float, seconds: float) -> Result:
    """Measure with and without a computing starter."""
    rows = []
    for beside in ("nothing", "its starter computes a fifth of the time"):
        if beside == "nothing":
            wrong, late = errors(rate, seconds)
        else:
            with computing():
                wrong, late = errors(rate, seconds)
        marks = [f"{mark:.2f}" for mark in np.percentile(wrong, (50, 90, 99, 100))]
        rows.append((beside, f"{rate:g}", *marks, f"{late:.2f}"))
    return Result(
        "How true the probe's TTFT is",
        f"Difference between the TTFT that the probe sees and the one that the server's own clock measures; answers of "
        f"{TOKENS} tokens, the probe on one core, the server on another. Late requests are counted apart, and their "
        "lateness is no part of the TTFT.",
        ("beside it", "streams/s", "p50, ms", "p90, ms", "p99, ms", "max, ms", "sent late, p99, ms"),
        rows,
    )
