"""Nothing that a server sends ends a load; a load that ends by a fault of its own says so to whoever watches it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic import load as loads
from inferencepool_rollout.traffic.answers import Answer
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from kit import completion_servers as servers
from kit.completion_servers import serving


class Raw:
    """A server that answers every request with `answer` and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(self.answer)
        writer.close()


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    """The server, in a thread of its own."""
    server, loop, started = Raw(), asyncio.new_event_loop(), threading.Event()

    async def start() -> None:
        listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        started.set()

    loop.create_task(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    assert started.wait(10)
    yield server
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


HEADS = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 999 Odd\r\nx-inference-pod: \xff\r\n\r\n",
    b"HTTP/0.9 200\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"",
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(HEADS) | st.binary(max_size=80), st.binary(max_size=80), st.booleans())
def test_no_bytes_on_the_wire_end_a_load(raw: Raw, head: bytes, body: bytes, stream: bool) -> None:
    raw.answer = head + body
    answers = send(raw.url, Completion("m", stream=stream), Plan(workers=1, count=2, timeout=5))
    assert (len(answers), answers.lost) == (2, 2)
    assert "fault" not in answers.cause.tolist()


def test_an_exception_that_nobody_expects_is_a_loss_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, text: bytes) -> bool:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("inferencepool_rollout.traffic.content.Content.read", broken)
    with serving(servers.whole) as server:
        answers = send(server.url, Completion("m"), Plan(workers=2, count=6))
    assert answers.causes() == {"fault 200": 6}
    assert set(answers.detail.tolist()) == {"ZeroDivisionError: by nothing"}


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every worker dies at its first request."""

    async def exchange(*arguments: object, **more: object) -> Answer:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(loads, "exchange", exchange)


@pytest.mark.usefixtures("dying")
def test_a_worker_that_dies_ends_the_load_with_a_failure_that_says_so() -> None:
    with pytest.raises(Failure, match="a worker of the load died of ZeroDivisionError: by nothing"):
        send("http://127.0.0.1:9", Completion("m"), Plan(count=5))


@pytest.mark.usefixtures("dying")
def test_whoever_watches_a_load_whose_worker_died_gets_the_failure() -> None:
    with (
        pytest.raises(Failure, match="ZeroDivisionError"),
        background("http://127.0.0.1:9", Completion("m"), Plan(seconds=600)) as load,
    ):
        assert load.ended.wait(10)
        load.answers()


def test_a_load_that_keeps_its_plan_is_not_behind() -> None:
    with serving(servers.whole) as server:
        with background(server.url, Completion("m"), Plan(rate=2, seconds=600)) as load:
            while len(load) < 2:
                time.sleep(0.01)
            assert load.behind() == ""
        assert load.behind() == ""


def test_a_load_without_free_workers_says_that_it_is_behind() -> None:
    plan = Plan(workers=1, rate=100, seconds=600, timeout=3)
    with serving(servers.hanging) as server, background(server.url, Completion("m"), plan) as load:
        time.sleep(1.5)
        assert "does not keep its 100 requests/s" in load.behind()
        assert "all 1 workers are busy" in load.behind()


def test_a_load_that_its_own_process_delays_says_so_and_leaves_the_delay_out_of_the_latency() -> None:
    load = loads.Load()

    async def run(url: str) -> None:
        loop = asyncio.get_running_loop()
        block = asyncio.ensure_future(blocking(loop))
        await load.run(url, Completion("m"), Plan(workers=50, rate=100, count=150))
        block.cancel()

    async def blocking(loop: asyncio.AbstractEventLoop) -> None:
        while True:
            await asyncio.sleep(0.25)
            time.sleep(0.12)

    with serving(servers.whole) as server:
        asyncio.run(run(server.url))
    assert "is sent late" in load.late()
    answers = load.answers()
    delayed = answers.late > 0.03
    assert delayed.sum() >= 10
    assert answers.latency[delayed].min() < 0.03
