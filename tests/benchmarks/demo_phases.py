"""How long each phase of `./scripts/demo` takes on a warm cache; leaves its cluster up for what is measured next.

python tests/benchmarks/demo_phases.py [--name inferencepool-demo] [--port 18080]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from benchmarks.result import Result  # noqa: E402
from inferencepool_rollout.failure import Failure  # noqa: E402

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
        (phase, f"{seconds:.1f}")
        for phase, seconds in (*phases, (f"{STAGES}, and what is not said", rest), ("all", total))
    ]
    return Result(
        "Phases of the demo",
        "From nothing but a warm cache to a cluster with two pools and six judged stages.",
        ("phase", "s"),
        rows,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="inferencepool-demo", help="name of the kind cluster")
    parser.add_argument("--port", type=int, default=18080, help="port of 127.0.0.1 for its Gateway")
    options = parser.parse_args()
    measure(options.name, options.port).show()


if __name__ == "__main__":
    main()
