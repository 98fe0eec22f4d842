"""The one way in which the programs give up."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Callable


class Failure(Exception):
    """Something the user has to know: one line with the cause and, where there is one, the remedy.

    `code` is what the program then exits with.
    """

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def run_cli(main: Callable[[], int]) -> None:
    """Run a command line entry point: exit with its code, or with that and the one-line cause of a Failure.

    Any other exception is a fault of the program: its traceback goes into a file that the one line names.
    """
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except KeyboardInterrupt:
        print("error: interrupted; start the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="rollout-", suffix=".log", delete=False) as file:
            traceback.print_exc(file=file)
        print(
            f"error: this is a fault of the program ({type(error).__name__}: {error}); please report it with "
            f"{file.name}; the same command can be started again",
            file=sys.stderr,
        )
        sys.exit(1)
