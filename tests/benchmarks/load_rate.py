"""How many short completions a second one core can ask for: this generator, hey, and wrk where it is on PATH.

Every generator is held on the first core. In process: an aiohttp server shares the generator's process and core.
Apart: a bare server, faster than any of the generators, has the second core to itself.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from benchmarks.result import Result
from inferencepool_lab.builds.programs import compiled
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit.completion_servers import serving, whole

REQUEST = Completion("food-review", max_tokens=4)
CHOICE = {"index": 0, "text": "It was fine.", "finish_reason": "stop"}
BODY = json.dumps({"object": "text_completion", "choices": [CHOICE]})
ANSWER = (
    f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-inference-pod: pool-old-1\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
).encode()


class Bare(asyncio.Protocol):
    """Answers each request with the same bytes; knows just enough HTTP to find a request's end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"content-length: *(\d+)", self._read[:end], re.IGNORECASE)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._read) < whole:
                return
            self._read = self._read[whole:]
            self._transport.write(ANSWER)


def serve_bare(port: Connection) -> None:
    """Serve on the last core, telling the port."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, backlog=1024)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(run())


@contextmanager
def serving_apart() -> Iterator[str]:
    """Run the bare server in a process of its own; yields its base URL."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve_bare, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def ours(url: str, workers: int, seconds: float, stream: bool = False) -> float:
    """Requests/s of our load; every one must be answered."""
    answers = send(url, Completion(REQUEST.model, stream=stream, max_tokens=4), Plan(workers=workers, seconds=seconds))
    assert answers.lost == 0, answers.causes()
    return len(answers) / float((answers.started + answers.latency).max() - answers.started.min())


def hey(url: str, workers: int, seconds: float) -> float:
    """Requests/s of hey on one core."""
    words = [str(compiled(["hey"])["hey"]), "-cpus", "1", "-c", f"{workers}", "-z", f"{seconds}s", "-m", "POST"]
    words += ["-T", "application/json", "-d", REQUEST.body().decode(), f"{url}/v1/completions"]
    return _rate(words, r"Requests/sec:\s+([\d.]+)")


def wrk(url: str, workers: int, seconds: float) -> float:
    """Requests/s of wrk with one thread."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method = "POST"\nwrk.body = {json.dumps(REQUEST.body().decode())}\n')
        script.write('wrk.headers["Content-Type"] = "application/json"\n')
        script.flush()
        words = ["wrk", "-t1", f"-c{workers}", f"-d{seconds:.0f}s", "-s", script.name, f"{url}/v1/completions"]
        return _rate(words, r"Requests/sec:\s+([\d.]+)")


def _rate(words: list[str], pattern: str) -> float:
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(pattern, output)
    assert found, output
    return float(found[1])


def measure(workers: int, length: float) -> Result:
    """Measure each generator for `length` seconds; holds this process on its first core meanwhile."""
    cores = os.sched_getaffinity(0)
    rows: list[tuple[str, str, str]] = []

    def row(name: str, server: str, generator: Callable[[], float]) -> None:
        rows.append((name, server, f"{generator():,.0f}"))

    with serving_apart() as apart, held_on(min(cores)):
        with serving(whole) as server:
            row("this project", "in process", lambda: ours(server.url, workers, length))
            row("this project, streams", "in process", lambda: ours(server.url, workers, length, True))
        row("this project", "apart", lambda: ours(apart, workers, length))
        row("hey", "apart", lambda: hey(apart, workers, length))
        if shutil.which("wrk"):
            row("wrk", "apart", lambda: wrk(apart, workers, length))
    return Result(
        "Load that one core makes",
        f"Short completions by {workers} workers on one core; the server `apart` has a core to itself.",
        ("generator", "server", "requests/s"),
        rows,
    )


@contextmanager
def held_on(core: int) -> Iterator[None]:
    """Hold this process on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
