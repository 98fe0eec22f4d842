"""One row of preflight, and how rows are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from inferencepool_rollout.rows import print_rows


@dataclass(frozen=True)
class Check:
    """One row; `remedy` is empty where nothing is wrong."""

    name: str
    why: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.remedy

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


def print_checks(console: Console, checks: Sequence[Check]) -> None:
    """Print the checks, and below them each remedy on lines of its own, so that commands can be copied."""
    rows = [(check.name, f"{'ok' if check.ok else 'FAIL'}  {check.why}") for check in checks]
    print_rows(console, rows, ["green" if check.ok else "bold red" for check in checks])
    for check in checks:
        if not check.ok:
            console.print(f"{check.name}: {check.remedy}", markup=False, soft_wrap=True)
