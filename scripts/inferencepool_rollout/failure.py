"""The one way the harness gives up."""

from __future__ import annotations

import sys
from collections.abc import Callable


class Failure(Exception):
    """Something the user has to know: one line with the cause and, where there is one, the remedy.

    `code` is what the program then exits with.
    """

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def run_cli(main: Callable[[], int]) -> None:
    """Run a command line entry point: exit with its code, or with that and the one-line cause of a Failure."""
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except KeyboardInterrupt:
        print("error: interrupted; start the same command again to go on", file=sys.stderr)
        sys.exit(130)
