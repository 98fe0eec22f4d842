"""Write the pages that follow from the code: commands and exit codes, events, report, refusals, and upgrade notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from inferencepool_lab.publish import (
    command_reference,
    event_reference,
    refusal_reference,
    report_reference,
    upgrade_notes,
)
from inferencepool_rollout.failure import run_cli

DOCS = Path(__file__).parents[3] / "docs/reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": command_reference.page,
    "events.md": event_reference.page,
    "event.schema.json": event_reference.schema,
    "report.md": report_reference.page,
    "refusals.md": refusal_reference.page,
    "../operations/upgrade.md": upgrade_notes.page,
}
"""Each page's file, and the function that returns its text."""


def main() -> int:
    """Write every page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
    return 0


if __name__ == "__main__":
    run_cli(main)
