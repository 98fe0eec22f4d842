"""Waiting for what takes its time, with an end, and how long things take."""

from __future__ import annotations

import time
from collections.abc import Callable

FOLLOWED_SECONDS = 2.0
"""Pause after which the gateway follows a changed route: Istio debounces 0.1 s, the slowest of 20 took 0.15 s."""
PATIENCE_SECONDS = 60.0
"""How long what should take seconds may take on a busy machine."""
KUBELET_SECONDS = 180.0
"""How long a kubelet may take to bring a changed ConfigMap into a pod's volume: a minute or more."""


def wait_until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS, pause: float = 0.5) -> None:
    """Return as soon as something holds, asked every `pause` s; fail after so many seconds, saying what did not."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)
