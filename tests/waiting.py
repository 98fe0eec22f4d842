"""Waiting for what takes its time, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool], what: str, seconds: float, pause: float = 0.5) -> None:
    """Return as soon as something holds, asked every `pause` s; fail after so many seconds, saying what did not."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)
