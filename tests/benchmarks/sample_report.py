"""Write docs/sample-report.html, the report of a drawn rollout that goes back: `./scripts/sample-report`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from inferencepool_rollout.drive.run_log import read_log
from inferencepool_rollout.failure import run_cli
from inferencepool_rollout.report.data import report
from inferencepool_rollout.report.page import page
from kit.charts import ROOT
from kit.plans import plan_of
from kit.run_logs import rolled_back

FILE = ROOT / "docs/sample-report.html"


def main() -> int:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        rolled_back(plan_of(Path(folder)), Path(folder) / "log")
        text = page(report(read_log(Path(folder) / "log")))
        FILE.write_text(text.replace(f"{ROOT}/", ""))
    return 0


if __name__ == "__main__":
    run_cli(main)
