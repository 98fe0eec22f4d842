"""The one way the harness gives up."""

from __future__ import annotations

import sys
from collections.abc import Callable


class Failure(Exception):
    """Something the user has to know: one line with the cause and, where there is one, the remedy."""


def run_cli(main: Callable[[], int]) -> None:
    """Run a command line entry point: exit with its code, or with 1 and the one-line cause of a Failure."""
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("error: interrupted; start the same command again to go on", file=sys.stderr)
        sys.exit(130)
