"""The live page of a rollout, served as `rollout serve` serves it, in a thread of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inferencepool_rollout.drive.run_log import Event
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.live.actions import Actions
from inferencepool_rollout.live.server import Server

TOKEN = "a-token-of-the-test"
STATUS: dict[str, Any] = {
    "percent": 10.0, "next": "observe", "why": "", "nextPercent": 50, "nextNeedsApproval": False,
    "live": {"default/pool-old": 90.0, "default/pool-new": 10.0}, "cohort": "", "newPool": "default/pool-new",
    "followed": True, "capacity": None, "driver": "ops@bastion pid 7", "hold": "", "history": [],
    "pods": {name: {"model-server": [True, True], "epp": [True]} for name in ("pool-old", "pool-new")},
}  # fmt: skip


@dataclass
class Rollout:
    """What the page is told; `status` None: the cluster does not answer."""

    events: Sequence[Event] = ()
    status: dict[str, Any] | None = field(default_factory=lambda: dict(STATUS))

    def seen(self) -> dict[str, Any]:
        if self.status is None:
            raise Failure("connection refused")
        return self.status


@contextmanager
def served(rollout: Rollout, plan: Path, names: Sequence[str] = ()) -> Iterator[str]:
    """Serve a rollout's page, which looks often; yields its URL."""
    server = Server(
        "127.0.0.1:0", names, lambda: rollout.events, rollout.seen, Actions(plan), look_seconds=0.1, token=TOKEN
    )
    url, ready, ended = [""], threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with server.serving() as at:
            url[0] = at
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="live page")
    thread.start()
    assert ready.wait(10)
    try:
        yield url[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
