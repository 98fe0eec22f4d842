"""Upstream's chart of the EPP, as the Go module of the Inference Extension holds it."""

from __future__ import annotations

import shutil
from pathlib import Path

from inferencepool_lab.builds.programs import module_folder


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
