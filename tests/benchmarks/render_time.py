"""How long helm takes to render our default release, beside upstream's chart of the EPP in the same run.

    python tests/benchmarks/render_time.py [--runs 20] [--helm helm4]

Each chart is rendered `runs` times, in turn; told are the medians and their ratio. The time that helm takes for a chart
of one ConfigMap is told too: it is the part that no chart can save.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from benchmarks.result import Result  # noqa: E402
from inferencepool_lab.builds.programs import module_folder  # noqa: E402
from inferencepool_lab.builds.tools import tool  # noqa: E402


def upstream(folder: Path) -> list[str]:
    """Upstream's chart with the library that it depends on, and the one value that it wants."""
    charts = module_folder("inference-extension") / "config/charts"
    chart = shutil.copytree(charts / "inferencepool", folder / "upstream", copy_function=shutil.copyfile)
    for path in (chart, *(path for path in chart.rglob("*") if path.is_dir())):
        path.chmod(0o755)
    shutil.copytree(charts / "epplib", chart / "charts/epplib", copy_function=shutil.copyfile)
    for path in (path for path in chart.rglob("*") if path.is_dir()):
        path.chmod(0o755)
    return [str(chart), "--set", "inferencePool.modelServers.matchLabels.app=pool-old"]


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
            "ours": [str(ROOT / "charts/inferencepool")],
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
        f"`helm template` ({helm_name}), median of {runs} runs in turn. Ours holds the model servers too, upstream's "
        f"the EPP alone: ours / upstream {medians['ours'] / medians['upstream v1.5.0']:.2f}. A chart of one ConfigMap "
        "is what no chart can save.",
        ("chart", "median, ms"),
        [(name, f"{1000 * median:.1f}") for name, median in medians.items()],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--helm", choices=["helm4", "helm3"], default="helm4")
    options = parser.parse_args()
    measure(options.runs, options.helm).show()


if __name__ == "__main__":
    main()
