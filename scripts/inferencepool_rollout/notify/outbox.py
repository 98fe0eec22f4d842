"""Messages on their way to one recipient, sent by a thread of its own: a slow or broken recipient delays nobody."""

from __future__ import annotations

import atexit
import queue
import threading
from collections.abc import Callable

from inferencepool_rollout.notify.message import Message
from inferencepool_rollout.progress import say

LAST_SECONDS = 15.0
"""For how long the end of the program waits for messages that are still on their way."""
MOST = 1000


class Outbox:
    """Sends messages in their order. `send` returns why a message was not delivered, empty if it was."""

    def __init__(
        self, name: str, send: Callable[[Message], str], failed: Callable[[str], None] = lambda name: None
    ) -> None:
        self.name = name
        self._send, self._failed = send, failed
        self._said = ""
        self._waiting: queue.Queue[Message | None] = queue.Queue(MOST)
        self._thread = threading.Thread(target=self._run, name=f"to {name}", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def put(self, message: Message) -> None:
        """Send a message later; one that finds MOST others before it is dropped."""
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._lost(message, f"{MOST} messages wait already")

    def close(self, seconds: float = LAST_SECONDS) -> None:
        """Send what is left, for so long at most."""
        atexit.unregister(self.close)
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        while message := self._waiting.get():
            try:
                why = self._send(message)
            except Exception as error:  # whatever a recipient's library raises, the rollout goes on
                why = f"{type(error).__name__}: {error}"
            if why:
                self._lost(message, why)

    def _lost(self, message: Message, why: str) -> None:
        self._failed(self.name)
        if why != self._said:  # the same fault of every message is said once
            say(f"{self.name} was not told of {message.event!r}: {why}")
        self._said = why
