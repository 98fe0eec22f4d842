"""The run log in the cluster: ConfigMaps beside the route, MOST at most, which any machine reads.

Every event is kept. Of the probe's requests a step keeps the first, up to its share of the space; how many more there
were is an event of its own. A driver that begins at weight 0 begins a rollout, and with it an empty log.
"""

from __future__ import annotations

import atexit
import base64
import gzip
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inferencepool_rollout.drive.run_log import Event, json_text
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import CONFIG_MAPS, ROUTES
from inferencepool_rollout.kube.client import ASKED_SECONDS, Client, Manifest
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.kube.snapshot import read_route
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.progress import say

MOST, SIZE = 12, 1_000_000
"""ConfigMaps of a log, and characters of JSON lines in each before they are compressed."""
FOR_REQUESTS = 0.75
"""Share of the space that the probe's requests may take."""
KEY = "log.jsonl.gz"
FLUSH_SECONDS = 10.0
LAST_SECONDS, LAST_TRIES = 15.0, 5
SHOWN_ALONE = ("evidence",)
"""What is told too often to be kept."""


def chunk_name(plan: Plan, number: int) -> str:
    """Return the name of a log's ConfigMap."""
    return f"rollout-{plan.route.release}-log-{number}"


@dataclass
class _Chunk:
    """A ConfigMap of the log; `version` is its resourceVersion as it was read, empty while there is none."""

    number: int
    text: str = ""
    version: str = ""


class LogStore:
    """A listener of a run log that keeps it in the cluster. A fault of the cluster is said and tried again.

    Several drivers may write at once, as the Job's and one that takes the weight back: each reads before it writes.
    """

    def __init__(self, plan: Plan, client: Client, *, flush: float = FLUSH_SECONDS, size: int = SIZE) -> None:
        self._plan, self._client, self._size = plan, client.with_patience(0, ASKED_SECONDS), size
        self._lock, self._written = threading.Lock(), threading.Lock()
        self._pending: list[str] = []
        self._number = 0
        self._began_anew = False
        self._left_out, self._time = 0, 0.0
        self._room = self._share = int(FOR_REQUESTS * MOST * size / (len(plan.steps) + 1))
        self._said = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(flush,), name="kept log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def __call__(self, event: Event) -> None:
        """Take in an event, to be written soon."""
        name = event["event"]
        if name in SHOWN_ALONE:
            return
        with self._lock:
            self._time = event["time"]
            if name == "start" and event.get("percent") == 0:
                self._began_anew = True
            if name in ("step", "end"):
                self._tell_left_out()
                self._room = self._share
            line = json_text(dict(event)) + "\n"
            if name == "answers":
                if self._left_out or len(line) > min(self._room, self._size):
                    self._left_out += len(event["started"])
                    return
                self._room -= len(line)
            self._pending.append(line)

    def flush(self) -> None:
        """Write what is new; on a fault it stays to be written later."""
        with self._written:
            with self._lock:
                lines, self._pending = self._pending, []
                anew, self._began_anew = self._began_anew, False
            if not lines and not anew:
                return
            try:
                self._write(lines, anew)
                self._said = ""
            except Failure as failure:
                with self._lock:
                    self._pending, self._began_anew = lines + self._pending, anew or self._began_anew
                if str(failure) != self._said:
                    say(f"the run log is not kept in the cluster at the moment: {failure}")
                self._said = str(failure)

    def close(self) -> None:
        """Write what is left."""
        atexit.unregister(self.close)
        with self._lock:
            self._tell_left_out()
        self._ended.set()
        self._thread.join(LAST_SECONDS)

    def _run(self, seconds: float) -> None:
        while not self._ended.wait(seconds):
            self.flush()
        for _ in range(LAST_TRIES):
            self.flush()
            if not self._pending:
                return
            time.sleep(1)

    def _tell_left_out(self) -> None:
        if self._left_out:
            told = {"time": self._time, "event": "left out", "requests": self._left_out}
            self._pending.append(json_text(told) + "\n")
        self._left_out = 0

    def _write(self, lines: list[str], anew: bool) -> None:
        route = read_route(self._client, self._plan.route.namespace, self._plan.route.release)
        if route is None:
            raise Failure(f"there is no HTTPRoute {self._plan.route.namespace}/{self._plan.route.release}")
        if anew:
            for number in range(MOST):
                if not (chunk := self._read(number)).version:
                    break
                chunk.text = ""
                self._put(route, chunk)
            self._number = 0
        chunk = self._last()
        for line in lines:
            if chunk.text and len(chunk.text) + len(line) > self._size and chunk.number + 1 < MOST:
                self._put(route, chunk)
                chunk = self._read(chunk.number + 1)
            if len(chunk.text) + len(line) <= self._size:
                chunk.text += line
            else:
                say(f"the log that is kept in the cluster is full: it lacks an event of {len(line)} characters")
        self._put(route, chunk)
        self._number = chunk.number

    def _last(self) -> _Chunk:
        """The last ConfigMap that holds something, the first if none does."""
        last = self._read(self._number)
        while last.text and last.number + 1 < MOST and (after := self._read(last.number + 1)).text:
            last = after
        return last

    def _read(self, number: int) -> _Chunk:
        found = self._client.get(CONFIG_MAPS, self._plan.route.namespace, chunk_name(self._plan, number))
        return _Chunk(number, _text(found), found["metadata"]["resourceVersion"]) if found else _Chunk(number)

    def _put(self, route: Route, chunk: _Chunk) -> None:
        """Write a ConfigMap; raises ApiFault if somebody else has written it since it was read."""
        body = _config_map(self._plan, route, chunk)
        write = self._client.replace if chunk.version else self._client.create
        write(CONFIG_MAPS, self._plan.route.namespace, body)


def kept_log(client: Client, plan: Plan) -> list[dict[str, Any]]:
    """Return the events of the log in the cluster, by time; none without one. Raises ApiFault if it can't be read."""
    events: list[dict[str, Any]] = []
    for number in range(MOST):
        found = client.get(CONFIG_MAPS, plan.route.namespace, chunk_name(plan, number))
        lines = list(_lines(found)) if found else []
        if not lines:
            break
        events += lines
    return sorted(events, key=lambda event: event["time"])


def _lines(found: Manifest) -> Iterator[dict[str, Any]]:
    for line in _text(found).splitlines():
        yield json.loads(line)


def _text(found: Manifest) -> str:
    held = (found.get("binaryData") or {}).get(KEY, "")
    try:
        return gzip.decompress(base64.b64decode(held)).decode() if held else ""
    except (OSError, EOFError, ValueError) as error:
        raise Failure(f"ConfigMap {found['metadata']['name']} holds no run log: {error}") from None


def _config_map(plan: Plan, route: Route, chunk: _Chunk) -> Manifest:
    owner = {"apiVersion": ROUTES.api_version, "kind": ROUTES.kind, "name": route.name, "uid": route.uid}
    held = base64.b64encode(gzip.compress(chunk.text.encode())).decode()
    return {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": {
            "name": chunk_name(plan, chunk.number), "namespace": plan.route.namespace, "ownerReferences": [owner],
            "labels": {"app.kubernetes.io/name": "inferencepool-rollout"},
            **({"resourceVersion": chunk.version} if chunk.version else {}),
        },
        "binaryData": {KEY: held} if chunk.text else {},
    }  # fmt: skip
