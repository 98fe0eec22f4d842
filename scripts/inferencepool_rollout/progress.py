"""Progress lines: what is being built, pulled or awaited, and how long it usually takes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def step(what: str, usually: str = "") -> Iterator[None]:
    """Say on stderr that `what` begins and `usually` takes so long, say so again each minute, and when it ended."""
    hint = f" (usually {usually})" if usually else ""
    say(f"{what}{hint} ...")
    started = time.monotonic()
    ended = threading.Event()

    def remind() -> None:
        while not ended.wait(60):
            say(f"{what}: still running after {time.monotonic() - started:.0f} s{hint}")

    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield
    finally:
        ended.set()
    say(f"{what}: {time.monotonic() - started:.1f} s")


def say(text: str) -> None:
    """Print one progress line on stderr, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)
