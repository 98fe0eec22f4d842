"""What `rollout` exits with, for the pipelines that call it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """A number, and what it means."""

    def __new__(cls, number: int, meaning: str) -> ExitCode:
        """Keep the meaning beside the number."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        return code

    meaning: str

    DONE = 0, "what was asked is done; after `run`: the new pool has the last step's weight and keeps every objective"
    FAILED = 1, "something did not work, the line on stderr says what; nothing is half done"
    USAGE = 2, "the command line is wrong"
    HELD = 3, "the rollout stands at a step: undecided, on hold, or somebody else moved the weight"
    ROLLED_BACK = 4, "an objective was violated, and the old pool has all requests again"
    REFUSED = 5, "preflight found something wrong, or the new pool's answers are worse, so nothing was moved"
    BUSY = 6, "another driver is at work on this route"
    INTERRUPTED = 130, "Ctrl-C or SIGTERM; the rollout stands at its present step"
