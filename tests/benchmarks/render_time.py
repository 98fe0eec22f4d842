"""How long helm takes to render a default release, beside upstream's chart of the EPP in the same run.

Each chart is rendered `runs` times, in turn. The result has the medians and their ratio, and for scale the time for a
chart with a single ConfigMap: Helm's own start.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.result import Result
from inferencepool_lab.builds.tools import tool
from kit.charts import CHARTS
from kit.upstream_chart import upstream


def smallest(folder: Path) -> list[str]:
    """A chart of one ConfigMap."""
    chart = folder / "smallest"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: smallest\nversion: 0.1.0\n")
    (chart / "templates/c.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n")
    return [str(chart)]


def seconds(helm: Path, words: list[str]) -> float:
    """Time of one rendering; a refusal ends the benchmark."""
    start = time.perf_counter()
    subprocess.run([helm, "template", "pool-old", *words], capture_output=True, check=True)
    return time.perf_counter() - start


def measure(runs: int, helm_name: str) -> Result:
    """Render each chart `runs` times, in turn."""
    helm = tool(helm_name)
    with tempfile.TemporaryDirectory() as folder:
        charts = {
            "this project": [str(CHARTS / "inferencepool")],
            "upstream v1.5.0": upstream(Path(folder)),
            "one ConfigMap": smallest(Path(folder)),
        }
        times: dict[str, list[float]] = {name: [] for name in charts}
        for _ in range(runs + 1):
            for name, words in charts.items():
                times[name].append(seconds(helm, words))
    medians = {name: statistics.median(measured[1:]) for name, measured in times.items()}  # the first reads the disk
    return Result(
        "Rendering one release",
        f"`helm template` ({helm_name}), median of {runs} runs in turn. This project's chart renders the model servers "
        f"too, upstream's the EPP alone; the ratio is {medians['this project'] / medians['upstream v1.5.0']:.2f}. "
        "For scale: a chart with a single ConfigMap, Helm's own start.",
        ("chart", "median, ms"),
        [(name, f"{1000 * median:.1f}") for name, median in medians.items()],
    )
