"""How long each phase of `./scripts/demo` takes on a warm cache; leaves its cluster up for what is measured next."""

from __future__ import annotations

import re
import subprocess
import time

from benchmarks.result import Result
from inferencepool_rollout.failure import Failure
from kit.charts import ROOT

PHASE = re.compile(r"^\d\d:\d\d:\d\d  (.+): ([\d.]+) s$", re.MULTILINE)
STAGES = "the stages"
LIMIT_SECONDS = 3600


def measure(name: str, port: int) -> Result:
    """Run the demo; raises Failure if a stage was wrong."""
    start = time.monotonic()
    done = subprocess.run(
        [ROOT / "scripts/demo", "--keep", "--name", name, "--port", str(port)],
        capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip
    total = time.monotonic() - start
    if done.returncode:
        raise Failure(f"the demo failed: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    phases = [(phase, float(seconds)) for phase, seconds in PHASE.findall(done.stderr)]
    rest = total - sum(seconds for _, seconds in phases)
    rows = [
        (phase, f"{seconds:.1f}") for phase, seconds in (*phases, (f"{STAGES}, and other time", rest), ("all", total))
    ]
    return Result(
        "Phases of the demo",
        "From nothing but a warm cache to a cluster with two pools and six judged stages.",
        ("phase", "s"),
        rows,
    )
