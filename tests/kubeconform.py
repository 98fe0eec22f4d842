"""kubeconform over all values of this checkout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from charts import CHARTS, VALUES
from inferencepool_rollout.tools import tool
from schemas import LOCATION

SCENARIOS = sorted(
    [(path.parents[1].name, path) for path in CHARTS.glob("*/ci/*-values.yaml")]
    + [
        ("rollout-route" if path.stem.startswith("route") else "inferencepool", path)
        for path in VALUES.rglob("*.yaml")
        if path.parent.name != "plans"
    ]
)
"""Each chart with each file of values for it."""


def refused(folder: Path, schemas: Path) -> dict[str, list[str]]:
    """What kubeconform says of the manifests that the `schemas` refuse, by the stem of their file in `folder`."""
    done = subprocess.run(
        [tool("kubeconform"), "-strict", "-output=json", f"-schema-location={schemas}/{LOCATION}", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, list[str]] = {}
    for resource in json.loads(done.stdout)["resources"] or []:
        words = f"{resource['kind']} {resource['name']}: {resource['msg']}"
        found.setdefault(Path(resource["filename"]).stem, []).append(words)
    return found
