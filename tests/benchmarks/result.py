"""What a benchmark found, for the terminal and for the docs, and the machine that it was found on."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from inferencepool_lab.publish.markdown import table


@dataclass(frozen=True)
class Line:
    """How seconds grow with a size."""

    sizes: Sequence[int]
    seconds: Sequence[float]


@dataclass(frozen=True)
class Result:
    """A table with its title and what is to be said of it; `growth` has the lines of a plot by panel and name."""

    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    growth: Mapping[str, Mapping[str, Line]] = field(default_factory=dict)

    def show(self) -> None:
        """Print it."""
        shown = Table(*self.columns, title=self.title)
        for row in self.rows:
            shown.add_row(*row)
        console = Console()
        console.print(shown)
        console.print(self.about, markup=False)

    def markdown(self) -> str:
        """Return it as a section of a page."""
        rows = "\n".join(table(self.columns, self.rows))
        return f"## {self.title}\n\n{self.about}\n\n{rows}\n"


def machine() -> str:
    """Return the machine in one line, with its present load."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text())
    gigabytes = f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown memory"
    return (
        f"{model[1] if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, {gigabytes}, "
        f"Linux {platform.release()}, Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f}"
    )
