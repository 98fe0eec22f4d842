"""What a driver saw, for the report: one JSON object a line. The rollout's state never depends on it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import to_json

from inferencepool_rollout.evidence.observed import Observed
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.progress import say

Event = Mapping[str, Any]
Listener = Callable[[Event], None]
"""Is told of every event at once; what it raises is dropped, and it must not wait for anything."""
COLUMNS = {
    "started": np.float64, "ttft": np.float64, "tpot": np.float64, "itl": np.float64, "e2e": np.float64,
    "good": np.bool_, "pool": np.str_, "split": np.bool_, "cause": np.str_,
}  # fmt: skip


def default_folder(plan: Plan) -> Path:
    """Where logs go unless the user names a folder: below $XDG_STATE_HOME or ~/.local/state, one folder a route."""
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    return base / "inferencepool-rollout" / f"{plan.route.namespace}-{plan.route.release}"


def json_text(value: Any, indent: int | None = None) -> str:
    """Return strict JSON: numbers that are not finite, for which JSON has no form, become null."""
    return to_json(value, indent=indent, inf_nan_mode="null").decode()


class RunLog:
    """A new file of the folder; every line is on disk when `write` returns."""

    def __init__(
        self, folder: Path, clock: Callable[[], float] = time.time, listeners: Sequence[Listener] = ()
    ) -> None:
        self._clock, self._listeners = clock, listeners
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = folder / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(clock()))}-{os.getpid()}.jsonl"
            self._handle = self.file.open("a", buffering=1)
        except OSError as error:
            raise Failure(f"the run log cannot be written: {error}; name another folder with --log") from None

    def write(self, event: str, **fields: Any) -> None:
        """Write one event, with the Unix time."""
        self._handle.write(json_text({"time": self._clock(), "event": event, **fields}) + "\n")
        self.tell(event, **fields)

    def tell(self, event: str, **fields: Any) -> None:
        """Tell the listeners alone of something that changes too often for the log."""
        for listener in self._listeners:
            try:
                listener({"time": self._clock(), "event": event, **fields})
            except Exception as error:  # a listener's fault is no reason to hold a rollout
                say(f"{event!r} was not passed on: {type(error).__name__}: {error}")

    def answers(self, new: Observed) -> None:
        """Write requests that ended since the last time."""
        if not new.requests:
            return
        columns = {}
        for name in COLUMNS:
            values = getattr(new, name)
            columns[name] = (np.round(values, 5) if values.dtype.kind == "f" else values).tolist()
        self.write("answers", **columns)


def answers_of(event: Event) -> Observed:
    """Return the requests of an "answers" event; one of a driver that did not write `itl` yet has none."""
    written = {"itl": np.full(len(event["started"]), np.nan), **event}
    return Observed(**{name: np.array(written[name], kind) for name, kind in COLUMNS.items()})


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the events of the last rollout in a folder by time, those of drivers that were started again included.

    A file that begins at weight 0 begins a rollout. Raises Failure if there is none; a last line that a killed
    driver left half written is dropped.
    """
    files = sorted(folder.glob("*.jsonl"))
    events: list[dict[str, Any]] = []
    for file in reversed(files):
        here = list(_lines(file))
        events = here + events
        if here and here[0].get("event") == "start" and here[0].get("percent") == 0:
            break
    if not events:
        raise Failure(f"there is no run log in {folder}; name its folder with --log")
    return sorted(events, key=lambda event: event["time"])


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return
