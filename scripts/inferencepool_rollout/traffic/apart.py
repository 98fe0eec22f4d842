"""Loads in a process of their own, so that nothing their starter computes delays them.

Threads of one Python process take turns (the global interpreter lock): beside a thread that computes for a fifth of
the time, the 99th percentile of a load's error in TTFT was 170 ms on one core, and below 2 ms in a process of its own.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

import uvloop

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answer
from inferencepool_rollout.traffic.load import Load, Pending, Plan
from inferencepool_rollout.traffic.request import Completion

REPORT_SECONDS = 0.1

Task = tuple[str, Completion, Plan]
"""A load: the base URL, the request, and when it is sent."""


class _Report(NamedTuple):
    """What the process says of one of its loads."""

    number: int
    clock: float
    settled: float
    pending: list[Pending]
    rows: list[Answer]
    behind: str
    late: str
    failed: BaseException | None


class LoadApart(Load):
    """A load of the other process, as its reports show it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__()
        self.process = process
        self._report = _Report(0, 0, -math.inf, [], [], "", "", None)

    def settled(self) -> float:
        """See Load."""
        return self._report.settled

    def pending(self) -> list[Pending]:
        """See Load."""
        return self._report.pending

    def behind(self) -> str:
        """See Load."""
        return self._report.behind

    def late(self) -> str:
        """See Load."""
        return self._report.late

    def stop(self) -> None:
        """End all loads of the process."""
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()

    def take(self, report: _Report) -> None:
        """Take a report; its rows first, since whoever reads `settled` and then the answers must not miss one."""
        self.clock = report.clock
        self._rows.extend(report.rows)
        self._report = report
        self.failed = report.failed


@contextmanager
def apart(tasks: Sequence[Task]) -> Iterator[list[LoadApart]]:
    """Run loads in one process of their own while the block runs, each as load.background does.

    Leaving the block stops them and awaits their end. Raises Failure if one of them, or the process, ended by a fault.
    """
    package = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {__name__} import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(package), *filter(None, sys.path)])},
        start_new_session=True,  # Ctrl-C is for the starter, which stops the loads when it is ready to
    )
    assert process.stdin and process.stdout
    loads = [LoadApart(process) for _ in tasks]
    reader = threading.Thread(target=_listen, args=(process.stdout, process, loads), name="loads", daemon=True)
    reader.start()
    try:
        with suppress(BrokenPipeError):  # a process that has ended already says so by its code
            pickle.dump(list(tasks), process.stdin)
            process.stdin.flush()
        yield loads
    finally:
        loads[0].stop()
        reader.join()
    for load in loads:
        if load.failed:
            raise load.failed


def _listen(reports: IO[bytes], process: subprocess.Popen[bytes], loads: Sequence[LoadApart]) -> None:
    """Take the reports until the process has ended."""
    try:
        while True:
            report: _Report = pickle.load(reports)
            loads[report.number].take(report)
    except EOFError:
        pass
    except Exception:  # half a report, where the process was killed; the code below says so
        process.kill()
    code = process.wait()
    for load in loads:
        if code and not load.failed:
            load.failed = Failure(f"the process that sends the load has ended with code {code}; start again")
        load.ended.set()


def serve() -> None:
    """Run the loads that stdin names until it is closed, reporting on stdout."""
    tasks: list[Task] = pickle.load(sys.stdin.buffer)
    gc.freeze()
    reports: queue.SimpleQueue[list[_Report] | None] = queue.SimpleQueue()
    # A thread of its own, since writing waits while the starter does not read.
    writer = threading.Thread(target=_write, args=(reports,))
    writer.start()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(tasks, reports))
    finally:
        reports.put(None)
        writer.join()


async def _run(tasks: Sequence[Task], reports: queue.SimpleQueue[list[_Report] | None]) -> None:
    loads = [Load() for _ in tasks]

    def stop() -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        for load in loads:
            load.stop()

    async def run(load: Load, task: Task) -> None:
        try:
            await load.run(*task)
        except Exception as error:
            load.failed = error if isinstance(error, Failure) else Failure(f"the load failed: {error!r}")

    def report() -> None:
        # `settled` and `pending` before `taken`, as Load says.
        reports.put(
            [
                _Report(
                    number, load.clock, load.settled(), load.pending(), load.taken(), load.behind(), load.late(),
                    load.failed,
                )
                for number, load in enumerate(loads)
            ]
        )  # fmt: skip

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop)
    running = asyncio.gather(*(run(load, task) for load, task in zip(loads, tasks, strict=True)))
    while not running.done():
        await asyncio.wait([running], timeout=REPORT_SECONDS)
        report()


def _write(reports: queue.SimpleQueue[list[_Report] | None]) -> None:
    while (batch := reports.get()) is not None:
        try:
            for report in batch:
                pickle.dump(report, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            os._exit(0)  # the starter is gone, so nobody wants the load
